//! A service that takes a known time for each request, and a client that asks it all the time.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, poll},
    process::nice,
};

use crate::talk::{ADDRESSES, connect, listen, serve};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// How a service spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It waits, as for a database.
    Waiting,
    /// It computes.
    Computing,
}

/// A service at the server's end of [`talk`](crate::talk). It ends with the process.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    takes_ns: Arc<AtomicU64>,
}

impl Service {
    /// Starts a service that takes no time. The lab must be up.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    #[must_use]
    pub fn start(kind: Kind) -> Self {
        let takes_ns = Arc::new(AtomicU64::new(0));
        let of_all = Arc::clone(&takes_ns);
        let address = serve(listen(ADDRESSES[0]), move |stream| answer(stream, kind, &of_all));
        Self { address, takes_ns }
    }

    /// Sets how long it takes for each request.
    ///
    /// # Panics
    ///
    /// If that is an age of the world.
    pub fn take(&self, time: Duration) {
        self.takes_ns.store(u64::try_from(time.as_nanos()).expect("some milliseconds"), Ordering::Relaxed);
    }

    /// Starts a client that sends a request as soon as the one before is answered, over one connection.
    ///
    /// # Panics
    ///
    /// If the service does not accept.
    #[must_use]
    pub fn load(&self) -> Load {
        let (stream, is_over) = (connect(self.address), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&is_over);
        let client = thread::spawn(move || ask(stream, &until));
        Load { is_over, client: Some(client) }
    }
}

/// A client, until it is dropped.
#[derive(Debug)]
pub struct Load {
    is_over: Arc<AtomicBool>,
    client: Option<JoinHandle<io::Result<()>>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.client.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "the client failed: {ended:?}");
        }
    }
}

fn ask(mut stream: TcpStream, is_over: &AtomicBool) -> io::Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        stream.write_all(REQUEST)?;
        stream.read_exact(&mut [0; RESPONSE.len()])?;
    }
    Ok(())
}

/// Answers the requests of a connection, one at a time, ahead of other processes: whatever else a machine does would be part
/// of the time that the service takes.
fn answer(mut stream: TcpStream, kind: Kind, takes_ns: &AtomicU64) -> io::Result<()> {
    nice(-20)?;
    loop {
        stream.read_exact(&mut [0; REQUEST.len()])?;
        let (begun, takes) = (Instant::now(), Duration::from_nanos(takes_ns.load(Ordering::Relaxed)));
        match kind {
            Kind::Waiting => wait(takes)?,
            Kind::Computing => while begun.elapsed() < takes {},
        }
        stream.write_all(RESPONSE)?;
    }
}

/// Waits by the kernel's fine timer: what this service does for a living, not a test that waits for something.
fn wait(time: Duration) -> io::Result<()> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    poll(&mut [], Some(&time))?;
    Ok(())
}
