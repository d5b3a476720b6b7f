//! `/api/v1/stream`: what it sends, and what it takes up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt as _};
use netmon_ebpf::Protocol;
use netmon_model::{fixtures, names::Side, snapshot::Snapshot};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{Answer, Fake, PATIENCE, Server, eventually};
use crate::{
    api::{
        Event, Links, Topology, Window,
        client::{Client, ClientError},
    },
    live::{Readiness, SourceError},
    server::{Limits, Options},
};

/// A lab with a packet each millisecond.
fn at(elapsed: Duration) -> Snapshot {
    let mut snapshot = fixtures::direct();
    snapshot.monotonic_ns += u64::try_from(elapsed.as_nanos()).unwrap();
    snapshot.taken_at += elapsed;
    let packets = u64::try_from(elapsed.as_millis()).unwrap();
    snapshot.links[0].a.hooks.egress.protocols[Protocol::Icmp].packets += packets;
    snapshot
}

fn busy() -> impl Fn() -> Result<Snapshot, SourceError> + Send + Sync + 'static {
    let began = Instant::now();
    move || Ok(at(began.elapsed()))
}

fn events(
    server: &Server,
    with_history: bool,
) -> impl Stream<Item = Result<Event, ClientError>> + Unpin + use<> {
    Client::new(std::net::SocketAddr::from(([127, 0, 0, 1], server.port))).stream(with_history)
}

async fn next(events: &mut (impl Stream<Item = Result<Event, ClientError>> + Unpin)) -> Event {
    timeout(PATIENCE, events.next()).await.expect("an event in time").expect("an event").unwrap()
}

fn packets(window: &Window) -> u64 {
    window.links[0].as_ref().unwrap().direction_from(Side::A).unwrap().packets
}

async fn begin_stream(server: &Server) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // The first bytes show that it has begun. The rest is never read.
    timeout(PATIENCE, stream.readable()).await.unwrap().unwrap();
    stream
}

#[tokio::test]
async fn the_state_is_followed_by_the_history_and_then_by_every_second() {
    let server = Server::of(busy()).await;
    let history = |answer: &Answer| serde_json::from_str::<Topology>(&answer.body).unwrap().history.unwrap();
    let has_history = |answer: &Answer| history(answer).bytes > 0;
    eventually(&server, "/api/v1/topology", has_history).await;
    let mut events = events(&server, true);
    let Event::Topology(topology) = next(&mut events).await else { panic!("not the topology") };
    assert_eq!((topology.generation, topology.links.len(), topology.namespaces.len()), (1, 1, 2));
    assert_eq!(topology.columns.direction[0], "packets_total");

    let Event::History(past) = next(&mut events).await else { panic!("not the history") };
    assert_eq!((past.generation, &past.probes), (1, &None));
    assert!(packets(&past).abs_diff(past.window_ms as u64) <= 1, "{past:?}");
    let mut last = past;
    let mut seconds = 0;
    while seconds < 2 {
        let window = match next(&mut events).await {
            Event::History(past) if seconds == 0 => past,
            Event::Rates(window) => {
                seconds += 1;
                window
            }
            other => panic!("{other:?}"),
        };
        let between = window.ended_at_unix_ms - last.ended_at_unix_ms;
        assert!((window.window_ms - between as f64).abs() < 2.0, "each window begins where the last ended");
        last = window;
    }
    let link = last.links[0].as_ref().unwrap();
    let sent: u64 = last.links[0].as_ref().unwrap().direction_from(Side::A).unwrap().packets_total.unwrap();
    assert!(sent > fixtures::direct().links[0].a.hooks.egress.packets());
    assert!(link.end(Side::B).is_some() && last.probes.unwrap().len() == 2);
}

#[tokio::test]
async fn a_change_is_told_before_the_first_second_that_it_applies_to() {
    let is_down = Arc::new(AtomicBool::new(false));
    let (down, read) = (Arc::clone(&is_down), busy());
    let server = Server::of(move || {
        let mut snapshot = read()?;
        snapshot.links[0].a.up = !down.load(Ordering::SeqCst);
        Ok(snapshot)
    })
    .await;
    let mut events = events(&server, false);
    assert!(matches!(next(&mut events).await, Event::Topology(topology) if topology.generation == 1));
    is_down.store(true, Ordering::SeqCst);
    let changed = loop {
        match next(&mut events).await {
            Event::Topology(topology) => break topology,
            Event::Rates(window) => assert_eq!(window.generation, 1),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((changed.generation, changed.links[0].a.up), (2, false));
    assert!(matches!(next(&mut events).await, Event::Rates(window) if window.generation == 2));
}

#[tokio::test]
async fn a_stream_without_a_place_is_refused_and_may_try_again() {
    let limits = Limits { streams: 2, ..Limits::default() };
    let server = Server::start(Fake(busy(), Readiness::from_hooks(4, 4)), limits).await;
    let mut held = vec![begin_stream(&server).await, begin_stream(&server).await];
    let answer = server.get("/api/v1/stream").await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
    assert_eq!(answer.body, "all streams are in use; try again in 5 s\n");
    let mut refused = events(&server, false);
    assert!(matches!(refused.next().await, Some(Err(ClientError::Refused { .. }))));
    assert_eq!(server.request("HEAD", "/api/v1/stream").await.status, 200, "the headers take no place");
    held.pop();
    let again = async {
        while !matches!(events(&server, false).next().await, Some(Ok(Event::Topology(_)))) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, again).await.expect("the place is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_read_nothing_take_no_connection_from_a_scrape() {
    let server = Arc::new(Server::of(busy()).await);
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(begin_stream(&server).await);
    }
    // With the streams, these would be more than there are connections. A place is free a moment after its client is gone.
    let mut idle = Vec::new();
    for _ in 0..48 {
        idle.push(server.connect().await);
    }
    let scrape = async |server: Arc<Server>| {
        for _ in 0..10 {
            assert_eq!(server.get("/metrics").await.status, 200);
        }
    };
    let scrapers = [(); 2].map(|()| tokio::spawn(scrape(Arc::clone(&server))));
    for scraper in scrapers {
        scraper.await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_says_goodbye_at_shutdown_and_ends_at_once() {
    let server = Server::of(busy()).await;
    let mut events = events(&server, false);
    next(&mut events).await;
    let began = Instant::now();
    server.end.send(()).unwrap();
    loop {
        match next(&mut events).await {
            Event::Bye(bye) => break assert_eq!(bye.reason, "shutdown"),
            Event::Rates(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(events.next().await.is_none());
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stream_is_plain_text_that_no_browser_keeps() {
    let server = Server::of(busy()).await;
    let head = server.request("HEAD", "/api/v1/stream?history=1").await.head;
    for line in ["content-type: text/event-stream", "cache-control: no-store", "connection: close"] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    assert_eq!(server.get("/api/v1/stream?history=yes").await.status, 400);
    assert_eq!(server.get("/api/v1/stream?hist=1").await.status, 400);
}

#[tokio::test]
async fn without_a_history_nothing_is_read_between_requests() {
    let readings = Arc::new(AtomicUsize::new(0));
    let (counted, read) = (Arc::clone(&readings), busy());
    let source = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        read()
    };
    let options = Options { history_bytes: None, ..Options::default() };
    let server = Server::with(Fake(source, Readiness::from_hooks(4, 4)), options).await;
    let links = |answer: &Answer| serde_json::from_str::<Links>(&answer.body).unwrap();
    assert_eq!(links(&server.get("/api/v1/links").await).window_seconds, None);
    assert_eq!(readings.load(Ordering::SeqCst), 1);
    let answer = eventually(&server, "/api/v1/links", |answer| links(answer).window_seconds.is_some()).await;
    let rate = links(&answer).links[0].a.egress.packets_per_second.unwrap();
    assert!((rate - 1000.0).abs() < 15.0, "{rate}");

    let mut events = events(&server, true);
    let Event::Topology(topology) = next(&mut events).await else { panic!("not the topology") };
    assert_eq!(topology.history, None);
    assert!(
        matches!(next(&mut events).await, Event::Rates(window) if window.generation == topology.generation)
    );
}
