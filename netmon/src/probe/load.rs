//! Throughput: a load of bounded size and time, measured where it arrives.
//!
//! With `http`, the load is a page that a server sends. With `tcp`, netmon both sends and receives. Only the data that
//! arrives during the run counts. What is still queued at its end is discarded with the connection.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_model::lab::Url;
use rustix::net::sockopt::set_socket_linger;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{timeout, timeout_at},
};

use super::{ProbeNamespace, http};

/// Maximum duration of a run, which starts with the request for a connection.
const RUN_TIME: Duration = Duration::from_secs(1);
/// Maximum size of a load.
const MAX_BYTES: u64 = 1 << 30;
/// A smaller load fits into the buffers of both hosts, and its throughput means nothing.
const MIN_BYTES: u64 = 64 << 10;
/// Time for a connection, or for the first byte of a page.
const START_TIME: Duration = Duration::from_secs(5);
/// Size of a write, and of the receive buffer.
const CHUNK: usize = 128 << 10;

/// The result of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throughput {
    /// Bytes of data that arrived.
    pub bytes: u64,
    /// From the request for a connection to the last of these bytes.
    pub duration: Duration,
}

impl Throughput {
    /// Returns the throughput in bits of data per second.
    #[must_use]
    pub fn bits_per_second(self) -> u64 {
        (self.bytes as f64 * 8.0 / self.duration.as_secs_f64().max(1e-9)) as u64
    }

    /// Fails if the load was too small.
    fn checked(self) -> Result<Self, String> {
        if self.bytes < MIN_BYTES {
            return Err(format!(
                "{} bytes in {:.1?} are too few to tell a throughput",
                self.bytes, self.duration
            ));
        }
        Ok(self)
    }
}

/// Requests a page and receives it for a second, or until its end.
///
/// # Errors
///
/// Fails if there is no such page, or it is too small.
pub async fn download(from: &ProbeNamespace, url: &Url) -> Result<Throughput, String> {
    let start = Instant::now();
    let stream = timeout(START_TIME, from.connect(url.address)).await;
    let stream = stream.map_err(|_| format!("no connection within {START_TIME:?}"))?;
    let stream = stream.map_err(|error| error.to_string())?;
    let is_enough = |bytes| bytes >= MAX_BYTES || start.elapsed() >= RUN_TIME;
    let fetched = timeout(RUN_TIME + START_TIME, http::fetch(stream, url, is_enough)).await;
    let fetched = fetched.map_err(|_| format!("no page within {:?}", RUN_TIME + START_TIME))?;
    let fetched = fetched.map_err(|error| netmon_model::error::chain(&*error))?;
    if !(200..300).contains(&fetched.status) {
        return Err(format!("status {}", fetched.status));
    }
    Throughput { bytes: fetched.bytes, duration: start.elapsed() }.checked()
}

/// The receiver of a load that netmon sends itself.
pub struct Sink {
    listener: TcpListener,
    address: SocketAddr,
}

impl Sink {
    /// Listens on an address of `namespace`.
    ///
    /// # Errors
    ///
    /// Fails if the namespace does not have the address, or another process listens on it.
    pub async fn listen(namespace: &ProbeNamespace, address: SocketAddr) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot receive at {address}: {error}");
        let listener = namespace.listen(address).await.map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Sends from `namespace` to this receiver for a second.
    ///
    /// # Errors
    ///
    /// Fails if there is no connection, or almost nothing arrives.
    pub async fn load(&self, namespace: &ProbeNamespace) -> Result<Throughput, String> {
        let start = Instant::now();
        let connected = timeout(START_TIME, async {
            tokio::try_join!(namespace.connect(self.address), async { Ok(self.listener.accept().await?.0) })
        });
        let connected = connected.await.map_err(|_| format!("no connection within {START_TIME:?}"))?;
        let (sender, receiver) = connected.map_err(|error| error.to_string())?;
        reset_on_close(&sender).map_err(|error| error.to_string())?;
        let deadline = tokio::time::Instant::from_std(start + RUN_TIME);
        let is_over = Arc::new(Notify::new());
        let sending = tokio::spawn(send(sender, Arc::clone(&is_over)));
        let received = receive(receiver, start, deadline).await;
        is_over.notify_one();
        // Whether the last write failed does not matter.
        let _ = sending.await;
        received.map_err(|error| error.to_string())?.checked()
    }
}

/// Makes the kernel discard what is still unsent on close: it would slow down the next run.
fn reset_on_close(stream: &TcpStream) -> rustix::io::Result<()> {
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
    start: Instant,
    deadline: tokio::time::Instant,
) -> io::Result<Throughput> {
    let mut buffer = vec![0; CHUNK];
    let mut received = Throughput { bytes: 0, duration: Duration::ZERO };
    while received.bytes < MAX_BYTES {
        match timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(length) => match length? {
                0 => break,
                length => {
                    received.bytes += length as u64;
                    received.duration = start.elapsed();
                }
            },
            // Silence at the end is part of the run.
            Err(_) => {
                received.duration = start.elapsed();
                break;
            }
        }
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throughput_is_bits_over_time_and_needs_enough_bytes() {
        let throughput = Throughput { bytes: 12_500_000, duration: Duration::from_secs(1) };
        assert_eq!(throughput.bits_per_second(), 100_000_000);
        assert_eq!(throughput.checked(), Ok(throughput));
        let little = Throughput { bytes: 600, duration: Duration::from_millis(1) }.checked().unwrap_err();
        assert_eq!(little, "600 bytes in 1.0ms are too few to tell a throughput");
    }
}
