//! A TCP relay that can become slow: every piece of a request waits before it is handed on.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::eventually::pause;

/// A relay from one address to another. Its threads end with the process of the test.
#[derive(Debug)]
pub struct SlowRelay {
    delay_ms: Arc<AtomicU64>,
}

impl SlowRelay {
    /// Accepts connections at `from` and relays them to `to`, without a delay.
    ///
    /// # Panics
    ///
    /// If the address is in use.
    #[must_use]
    pub fn start(from: &str, to: &'static str) -> Self {
        let listener = TcpListener::bind(from).expect("a free address");
        let delay_ms = Arc::new(AtomicU64::new(0));
        let of_all = Arc::clone(&delay_ms);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // The client sees a closed connection if the other end does not answer.
                if let Ok(server) = TcpStream::connect(to) {
                    relay(&client, &server, &of_all);
                }
            }
        });
        Self { delay_ms }
    }

    /// Sets how long each piece of a request waits.
    ///
    /// # Panics
    ///
    /// If that is an age of the world.
    pub fn delay(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).expect("some milliseconds"), Ordering::Relaxed);
    }
}

fn relay(client: &TcpStream, server: &TcpStream, delay_ms: &Arc<AtomicU64>) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    let none = Arc::new(AtomicU64::new(0));
    let ways = [(client, server, Arc::clone(delay_ms)), (server, client, none)];
    for (from, to, delay) in ways {
        let (from, to) = (clone(from), clone(to));
        thread::spawn(move || pump(from, to, &delay));
    }
}

/// Hands on what arrives until one of the two ends.
fn pump(mut from: TcpStream, mut to: TcpStream, delay_ms: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length) = from.read(&mut buffer) {
        let due = Instant::now() + Duration::from_millis(delay_ms.load(Ordering::Relaxed));
        while Instant::now() < due {
            pause();
        }
        if length == 0 || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_waits_and_its_answer_does_not() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: &'static str = Box::leak(server.local_addr().unwrap().to_string().into_boxed_str());
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let relay = SlowRelay::start(&free, address);
        relay.delay(Duration::from_millis(50));
        let mut client = TcpStream::connect(&free).unwrap();
        let begun = Instant::now();
        client.write_all(b"ask").unwrap();
        let mut accepted = server.accept().unwrap().0;
        let mut bytes = [0; 3];
        accepted.read_exact(&mut bytes).unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(50));
        accepted.write_all(b"yes").unwrap();
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"yes");
    }
}
