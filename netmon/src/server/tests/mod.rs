//! The server over real sockets, on a port of its own, with fake readings.

mod answers;
mod bounds;
mod crowds;
mod guarding;
mod negotiation;
mod openapi;
mod schema;
mod stream;

use std::{sync::Arc, time::Duration};

use netmon_model::{
    fixtures,
    snapshot::{Flow, ServicePhase, ServiceSnapshot, Snapshot},
    trace::Trace,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{Limits, Options, serve};
use crate::live::{Readiness, SnapshotSource, SourceError};

/// Longer than any step here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A source made of a closure.
struct Fake<F>(F, Readiness);

impl<F: Fn() -> Result<Snapshot, SourceError> + Send + Sync + 'static> SnapshotSource for Fake<F> {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        (self.0)()
    }

    fn flows(&self) -> Vec<Flow> {
        fixtures::flows()
    }

    fn services(&self) -> Vec<ServiceSnapshot> {
        vec![ServiceSnapshot {
            namespace: "direct_netns".parse().unwrap(),
            name: "web".to_owned(),
            what: "http://10.200.0.3:80/".to_owned(),
            state: ServicePhase::Running,
            restarts: 0,
            last_exit: None,
        }]
    }

    fn traces(&self) -> Vec<Trace> {
        vec![fixtures::trace()]
    }

    fn ready(&self) -> Readiness {
        self.1.clone()
    }
}

/// A running server; `end` stops it.
struct Server {
    port: u16,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(source: impl SnapshotSource, limits: Limits) -> Self {
        Self::with(source, Options { limits, ..Options::default() }).await
    }

    async fn with(source: impl SnapshotSource, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, ended) = oneshot::channel();
        let task = serve(listener.try_into().unwrap(), Arc::new(source), options, async {
            let _ = ended.await;
        });
        Self { port, end, task }
    }

    async fn of(read: impl Fn() -> Result<Snapshot, SourceError> + Send + Sync + 'static) -> Self {
        Self::start(Fake(read, Readiness::from_hooks(4, 4)), Limits::default()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn request(&self, method: &str, path: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        self.raw(head.as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).await
    }

    /// Sends these bytes and reads until the server closes the connection.
    async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        Answer::read_from(&mut stream).await
    }
}

/// A response.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    async fn read_from(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end of the answer").unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self { status: status.unwrap_or(0), head: head.to_lowercase(), body: body.to_owned() }
    }
}

/// Repeats a request until the answer is the wanted one.
async fn eventually(server: &Server, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let ask = async {
        loop {
            let answer = server.get(path).await;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ask).await.expect("the wanted answer in time")
}
