//! How much gets through: a load of bounded size and time, measured where it arrives.
//!
//! With `http` it is the page that a server sends; with `tcp` netmon sends, and receives itself at the address in
//! question. Nothing counts but what arrived while the run lasted: what is still in queues then is thrown away with the
//! connection.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_model::lab::Url;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, listen, socket_with,
    sockopt::{set_socket_linger, set_socket_reuseaddr},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{timeout, timeout_at},
};

use super::{Place, http};

/// How long a run lasts at most, from the request for a connection on ...
const RUN: Duration = Duration::from_secs(1);
/// ... and how much it carries at most.
const MOST_BYTES: u64 = 1 << 30;
/// Less tells nothing: it fits into the buffers at both ends.
const LEAST_BYTES: u64 = 64 << 10;
/// How long a connection, or the first byte of a page, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const CHUNK: usize = 128 << 10;

/// What got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Bytes of data that arrived.
    pub bytes: u64,
    /// From the request for a connection to the last of them.
    pub took: Duration,
}

impl Passed {
    /// Bits of data a second.
    #[must_use]
    pub fn bits_per_second(self) -> u64 {
        (self.bytes as f64 * 8.0 / self.took.as_secs_f64().max(1e-9)) as u64
    }

    /// Unless it was too little to tell.
    fn checked(self) -> Result<Self, String> {
        if self.bytes < LEAST_BYTES {
            return Err(format!(
                "{} bytes in {:.1?} are too few to tell a throughput",
                self.bytes, self.took
            ));
        }
        Ok(self)
    }
}

/// Loads a page for a second, or all of it.
///
/// # Errors
///
/// When there is no such page, or it is too small.
pub async fn download(from: &Place, url: &Url) -> Result<Passed, String> {
    let begun = Instant::now();
    let stream = timeout(PATIENCE, from.connect(url.address)).await;
    let stream = stream.map_err(|_| format!("no connection within {PATIENCE:?}"))?;
    let stream = stream.map_err(|error| error.to_string())?;
    let enough = |bytes| bytes >= MOST_BYTES || begun.elapsed() >= RUN;
    let fetched = timeout(RUN + PATIENCE, http::fetch(stream, url, enough)).await;
    let fetched = fetched.map_err(|_| format!("no page within {:?}", RUN + PATIENCE))?;
    let fetched = fetched.map_err(|error| netmon_model::error::chain(&*error))?;
    if !(200..300).contains(&fetched.status) {
        return Err(format!("status {}", fetched.status));
    }
    Passed { bytes: fetched.bytes, took: begun.elapsed() }.checked()
}

/// Where netmon receives its own load.
pub struct Sink {
    listener: TcpListener,
    address: SocketAddr,
}

impl Sink {
    /// Listens at an address that `place` has.
    ///
    /// # Errors
    ///
    /// When somebody else does, or it has not.
    pub async fn listen(place: &Place, address: SocketAddr) -> Result<Self, String> {
        let open = move || {
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(family, SocketType::STREAM, flags, None)?;
            set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &address)?;
            listen(&socket, 8)?;
            Ok(socket)
        };
        let failed = |error: io::Error| format!("cannot receive at {address}: {error}");
        let socket = place.open(open).await.map_err(failed)?;
        Ok(Self { listener: TcpListener::from_std(socket.into()).map_err(failed)?, address })
    }

    /// Sends from `place` to here for a second.
    ///
    /// # Errors
    ///
    /// When there is no connection, or almost nothing arrives.
    pub async fn load(&self, place: &Place) -> Result<Passed, String> {
        let begun = Instant::now();
        let connected = timeout(PATIENCE, async {
            tokio::try_join!(place.connect(self.address), async { Ok(self.listener.accept().await?.0) })
        });
        let connected = connected.await.map_err(|_| format!("no connection within {PATIENCE:?}"))?;
        let (sender, receiver) = connected.map_err(|error| error.to_string())?;
        throw_away_at_end(&sender).map_err(|error| error.to_string())?;
        let deadline = tokio::time::Instant::from_std(begun + RUN);
        let is_over = Arc::new(Notify::new());
        let sending = tokio::spawn(send(sender, Arc::clone(&is_over)));
        let passed = receive(receiver, begun, deadline).await;
        is_over.notify_one();
        // It ends by itself now; how is no news.
        let _ = sending.await;
        passed.map_err(|error| error.to_string())?.checked()
    }
}

/// What was not received when a run is over would hold up the next one.
fn throw_away_at_end(stream: &TcpStream) -> rustix::io::Result<()> {
    set_socket_linger(stream, Some(Duration::ZERO))
}

async fn send(mut stream: TcpStream, is_over: Arc<Notify>) {
    let chunk = vec![0; CHUNK];
    let all = async { while stream.write_all(&chunk).await.is_ok() {} };
    tokio::select! {
        () = all => {}
        () = is_over.notified() => {}
    }
}

async fn receive(
    mut stream: TcpStream,
    begun: Instant,
    deadline: tokio::time::Instant,
) -> io::Result<Passed> {
    let mut buffer = vec![0; CHUNK];
    let mut passed = Passed { bytes: 0, took: Duration::ZERO };
    while passed.bytes < MOST_BYTES {
        match timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(length) => match length? {
                0 => break,
                length => passed = Passed { bytes: passed.bytes + length as u64, took: begun.elapsed() },
            },
            // A silence at the end is part of the run.
            Err(_) => {
                passed.took = begun.elapsed();
                break;
            }
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_bits_over_time_and_a_few_bytes_are_none() {
        let passed = Passed { bytes: 12_500_000, took: Duration::from_secs(1) };
        assert_eq!(passed.bits_per_second(), 100_000_000);
        assert_eq!(passed.checked(), Ok(passed));
        let little = Passed { bytes: 600, took: Duration::from_millis(1) }.checked().unwrap_err();
        assert_eq!(little, "600 bytes in 1.0ms are too few to tell a throughput");
    }
}
