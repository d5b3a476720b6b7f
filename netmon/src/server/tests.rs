//! The server over real sockets, on a port of its own, with made-up readings.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::{Limits, Readiness, SnapshotSource, SourceError, api, serve};
use crate::{sample, snapshot::Snapshot};

/// Longer than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A source made of a closure.
struct Fake<F>(F, Readiness);

impl<F: Fn() -> Result<Snapshot, SourceError> + Send + Sync + 'static> SnapshotSource for Fake<F> {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        (self.0)()
    }

    fn ready(&self) -> Readiness {
        self.1.clone()
    }
}

/// A running server; `end` asks it to stop.
struct Server {
    port: u16,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(source: impl SnapshotSource, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (end, ended) = oneshot::channel();
        let task = serve(listener, Arc::new(source), limits, async {
            let _ = ended.await;
        });
        Self { port, end, task }
    }

    async fn of(read: impl Fn() -> Result<Snapshot, SourceError> + Send + Sync + 'static) -> Self {
        Self::start(Fake(read, Readiness::of_hooks(4, 4)), Limits::default()).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn request(&self, method: &str, path: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        self.raw(head.as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).await
    }

    /// Sends these bytes, and reads until the server closes.
    async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        Answer::read_from(&mut stream).await
    }
}

/// What came back.
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

/// Asks until the answer is the wanted one.
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

fn refused() -> SourceError {
    Box::new(std::io::Error::other("operation not permitted"))
}

#[tokio::test]
async fn a_scrape_is_text_for_prometheus() {
    let server = Server::of(|| Ok(sample::direct())).await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    assert!(answer.body.contains("netmon_packets_total{") && answer.body.ends_with('\n'));
    assert!(answer.body.contains("netmon_errors_total{kind=\"snapshot\"} 0\n"));
}

#[tokio::test]
async fn a_head_request_gets_the_headers_only() {
    let server = Server::of(|| Ok(sample::direct())).await;
    let answer = server.request("HEAD", "/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert!(answer.head.contains("content-length: "), "{}", answer.head);
}

#[tokio::test]
async fn a_reading_that_fails_or_panics_is_a_500_with_its_cause_and_is_counted() {
    let reading = AtomicUsize::new(0);
    let broken = Arc::new(AtomicUsize::new(0));
    let how = Arc::clone(&broken);
    let server = Server::of(move || {
        reading.fetch_add(1, Ordering::SeqCst);
        match how.load(Ordering::SeqCst) {
            1 => Err(refused()),
            2 => panic!("a bug in the source (this panic is part of the test)"),
            _ => Ok(sample::direct()),
        }
    })
    .await;
    eventually(&server, "/metrics", |answer| answer.status == 200).await;
    broken.store(1, Ordering::SeqCst);
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body, "cannot read the kernel's maps: operation not permitted\n");
    broken.store(2, Ordering::SeqCst);
    assert_eq!(server.get("/api/v1/links").await.status, 500);
    broken.store(0, Ordering::SeqCst);
    let text = server.get("/metrics").await.body;
    let line = text.lines().find(|line| line.starts_with("netmon_errors_total{kind=\"snapshot\"}")).unwrap();
    assert!(line.rsplit(' ').next().unwrap().parse::<u32>().unwrap() >= 2, "{line}");
}

#[tokio::test]
async fn readiness_is_200_only_with_every_hook_and_otherwise_says_what_is_missing() {
    let ready = Server::of(|| Ok(sample::direct())).await;
    let answer = ready.get("/readyz").await;
    assert_eq!(answer.status, 200);
    let read: Readiness = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read, Readiness::of_hooks(4, 4));

    let partial = Fake(|| Ok(sample::direct()), Readiness::of_hooks(3, 4));
    let partial = Server::start(partial, Limits::default()).await;
    let answer = partial.get("/readyz").await;
    assert_eq!(answer.status, 503);
    let read: Readiness = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((read.ready, read.reason.as_deref()), (false, Some("3 of 4 hooks are attached")));
    assert_eq!(partial.get("/healthz").await.body, "ok\n");
}

#[tokio::test]
async fn nothing_can_be_changed_and_what_is_not_there_is_a_404() {
    let server = Server::of(|| Ok(sample::direct())).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/metrics", "/api/v1/links", "/nowhere"] {
            let answer = server.request(method, path).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
        }
    }
    assert_eq!(server.get("/nowhere").await.status, 404);
    assert_eq!(server.get("/api/v1/links/../../etc/passwd").await.status, 404);
}

#[tokio::test]
async fn the_index_lists_every_page_that_there_is() {
    let server = Server::of(|| Ok(sample::direct())).await;
    let index = server.get("/").await.body;
    let pages: Vec<_> = index.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(pages.len(), 5);
    for page in pages {
        assert_eq!(server.get(page).await.status, 200, "{page}");
    }
}

#[tokio::test]
async fn json_reads_back_as_the_types_that_wrote_it() {
    let server = Server::of(|| Ok(sample::direct())).await;
    let text = server.get("/api/v1/links").await.body;
    let links: api::Links = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&links).unwrap(), text);
    let snapshot = sample::direct();
    assert_eq!(links.links[0].a.egress.packets, snapshot.links[0].a.egress.packets());
    assert_eq!(links.links[0].a_to_b.lost_segments, snapshot.links[0].a_to_b.lost_segments);

    let text = server.get("/api/v1/topology").await.body;
    let topology: api::Topology = serde_json::from_str(&text).unwrap();
    assert_eq!(topology, api::Topology::of(&snapshot));
    assert_eq!(serde_json::to_string(&topology).unwrap(), text);
    assert_eq!(topology.somewhere_to_ping(), Some("10.200.0.3".parse().unwrap()));
}

#[tokio::test]
async fn one_request_is_answered_with_the_rates_of_the_last_seconds() {
    let began = Instant::now();
    let server = Server::of(move || {
        // A thousand packets and 64,000 bytes a second.
        let mut snapshot = sample::direct();
        let elapsed = began.elapsed();
        snapshot.monotonic_ns += u64::try_from(elapsed.as_nanos()).unwrap();
        let packets = u64::try_from(elapsed.as_millis()).unwrap();
        snapshot.links[0].a.egress.protocols[1].packets += packets;
        snapshot.links[0].a.egress.protocols[1].bytes += 64 * packets;
        Ok(snapshot)
    })
    .await;
    let rates = |answer: &Answer| serde_json::from_str::<api::Links>(&answer.body).unwrap();
    let answer = eventually(&server, "/api/v1/links", |answer| rates(answer).window_seconds.is_some()).await;
    let links = rates(&answer);
    let (busy, idle) = (&links.links[0].a.egress, &links.links[0].b.egress);
    let rate = busy.packets_per_second.unwrap();
    assert!((rate - 1000.0).abs() < 15.0, "{rate} packets/s over {:?} s", links.window_seconds);
    assert!((busy.bytes_per_second.unwrap() / rate - 64.0).abs() < 0.1);
    assert_eq!(idle.packets_per_second, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_at_the_same_time_read_one_after_the_other_share_and_are_never_stale() {
    #[derive(Default)]
    struct Counts {
        started: AtomicUsize,
        now: AtomicUsize,
        most: AtomicUsize,
    }
    let counts = Arc::new(Counts::default());
    let seen = Arc::clone(&counts);
    let server = Server::of(move || {
        let number = seen.started.fetch_add(1, Ordering::SeqCst) + 1;
        let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        let mut snapshot = sample::direct();
        snapshot.flows.entries = number as u64;
        #[expect(clippy::disallowed_methods, reason = "a reading that takes its time")]
        std::thread::sleep(Duration::from_millis(50));
        seen.now.fetch_sub(1, Ordering::SeqCst);
        Ok(snapshot)
    })
    .await;
    let server = Arc::new(server);
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let (server, counts) = (Arc::clone(&server), Arc::clone(&counts));
            tokio::spawn(async move {
                let started_before = counts.started.load(Ordering::SeqCst);
                let text = server.get("/metrics").await.body;
                let line = text.lines().find_map(|line| line.strip_prefix("netmon_flow_entries ")).unwrap();
                (started_before, line.parse::<usize>().unwrap())
            })
        })
        .collect();
    for client in clients {
        let (started_before, reading) = client.await.unwrap();
        assert!(reading > started_before, "reading {reading} began before the request did");
    }
    assert_eq!(counts.most.load(Ordering::SeqCst), 1, "readings at once");
    let readings = counts.started.load(Ordering::SeqCst);
    assert!(readings < 15, "20 clients at once shared too little: {readings} readings");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_the_next_is_served_when_one_ends() {
    let limits = Limits { connections: 2, ..Limits::default() };
    let server = Server::start(Fake(|| Ok(sample::direct()), Readiness::of_hooks(4, 4)), limits).await;
    let held = (server.connect().await, server.connect().await);
    let answer = eventually(&server, "/healthz", |answer| answer.status == 503).await;
    assert_eq!(answer.body, "too many connections\n");
    drop(held);
    eventually(&server, "/healthz", |answer| answer.status == 200).await;
    let text = eventually(&server, "/metrics", |answer| answer.status == 200).await.body;
    let line =
        text.lines().find(|line| line.starts_with("netmon_errors_total{kind=\"http_refused\"}")).unwrap();
    assert!(!line.ends_with(" 0"), "{line}");
}

#[tokio::test]
async fn whoever_dawdles_over_the_headers_is_disconnected() {
    let limits = Limits { header_time: Duration::from_millis(150), ..Limits::default() };
    let server = Server::start(Fake(|| Ok(sample::direct()), Readiness::of_hooks(4, 4)), limits).await;
    let mut silent = server.connect().await;
    let mut dripping = server.connect().await;
    let began = Instant::now();
    let drip = async {
        // A byte at a time, each well within the limit: it is the whole that counts.
        for byte in b"GET /metrics HTTP/1.1\r\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".iter().cycle() {
            if dripping.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("the dripping client is cut off");
    let answer = Answer::read_from(&mut silent).await;
    assert_ne!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn headers_that_are_too_long_or_too_many_are_a_431() {
    let server = Server::of(|| Ok(sample::direct())).await;
    let long = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert_eq!(server.raw(long.as_bytes()).await.status, 431);
    let many = format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(500));
    assert_eq!(server.raw(many.as_bytes()).await.status, 431);
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(30_000));
    assert!([414, 431].contains(&server.raw(long_path.as_bytes()).await.status));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_503() {
    let limits = Limits { request_time: Duration::from_millis(100), ..Limits::default() };
    let slow = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that takes too long")]
        std::thread::sleep(Duration::from_millis(600));
        Ok(sample::direct())
    };
    let server = Server::start(Fake(slow, Readiness::of_hooks(4, 4)), limits).await;
    let answer = server.get("/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "no answer within 100ms\n"));
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn whoever_does_not_read_the_answer_loses_the_connection() {
    let limits = Limits { connections: 1, stall_time: Duration::from_millis(300), ..Limits::default() };
    let source = Fake(|| Ok(sample::star(400)), Readiness::of_hooks(4, 4));
    let server = Server::start(source, limits).await;
    let mut stalled = server.connect().await;
    stalled.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // One byte of the answer shows that it is on its way; more is never read.
    timeout(PATIENCE, stalled.read_u8()).await.unwrap().unwrap();
    assert_eq!(server.get("/healthz").await.status, 503);
    let began = Instant::now();
    eventually(&server, "/healthz", |answer| answer.status == 200).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn shutdown_finishes_the_answer_in_flight_and_waits_for_no_idle_client() {
    let slow = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that is under way at the end")]
        std::thread::sleep(Duration::from_millis(150));
        Ok(sample::direct())
    };
    let server = Server::of(slow).await;
    let idle = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    waiting.read_u8().await.unwrap();
    let mut asking = server.connect().await;
    asking.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let began = Instant::now();
    server.end.send(()).unwrap();
    let answer = Answer::read_from(&mut asking).await;
    assert_eq!(answer.status, 200);
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(TcpStream::connect(("127.0.0.1", server.port)).await.is_err(), "nobody listens any more");
    drop(idle);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_an_answer_that_is_stuck() {
    let stuck = || {
        #[expect(clippy::disallowed_methods, reason = "a reading that is stuck")]
        std::thread::sleep(Duration::from_secs(2));
        Ok(sample::direct())
    };
    let server = Server::of(stuck).await;
    let mut asking = server.connect().await;
    asking.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    server.end.send(()).unwrap();
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}
