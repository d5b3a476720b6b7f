//! Requests to the agent's HTTP interface, over a real connection to a real server with made-up readings.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    panic,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use netmon::{
    live::{Readiness, SnapshotSource, SourceError},
    server::{Options, serve},
};
use netmon_model::{
    fixtures,
    snapshot::{Flow, Snapshot},
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// The name of the server's threads.
const THREADS: &str = "fuzzed-server";
/// Longer than any answer takes, so that a connection that hangs is a fault.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read.
const MOST_BYTES: u64 = 1 << 22;
/// Panics on the server's threads, which end a connection or a reading only.
static PANICS: AtomicU32 = AtomicU32::new(0);

struct MadeUp;

impl SnapshotSource for MadeUp {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        Ok(fixtures::direct())
    }

    fn flows(&self) -> Vec<Flow> {
        fixtures::flows()
    }

    fn ready(&self) -> Readiness {
        Readiness::from_hooks(4, 4)
    }
}

static SERVER: LazyLock<(Runtime, SocketAddr)> = LazyLock::new(|| {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() == Some(THREADS) {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
        previous(info);
    }));
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).thread_name(THREADS).enable_all().build().expect("a runtime");
    let address = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let listeners = listener.try_into().expect("a listener");
        drop(serve(listeners, Arc::new(MadeUp), Options::default(), std::future::pending()));
        address
    });
    (runtime, address)
});

/// Sends bytes and nothing after them. The server closes the connection in time, and never answers with a fault of its
/// own. Valid: a request whose answer is 200.
pub(super) fn read(bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(SERVER.1).expect("a server that accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a bound");
    // A server that has refused the beginning may have closed.
    let _ = stream.write_all(bytes);
    let mut answer = vec![0; 4096];
    // A server drops the answer to a client that is gone, and one that closed its half may be.
    let begun = if has_a_head(bytes) { received(stream.read(&mut answer)) } else { 0 };
    answer.truncate(begun);
    let _ = stream.shutdown(Shutdown::Write);
    received(stream.take(MOST_BYTES).read_to_end(&mut answer));
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the server panicked");
    let Some(status) = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)) else {
        assert!(answer.is_empty(), "{}", answer.escape_ascii());
        return false;
    };
    assert!(status[0] != b'5' || status == b"503", "{}", answer.escape_ascii());
    status == b"200"
}

/// Returns whether the head of a request is complete. A server skips empty lines before it.
fn has_a_head(bytes: &[u8]) -> bool {
    let begin = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    bytes[begin..].windows(4).any(|four| four == b"\r\n\r\n")
}

fn received(read: io::Result<usize>) -> usize {
    read.unwrap_or_else(|error| {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        0
    })
}
