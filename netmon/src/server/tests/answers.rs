//! The answer of each path.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use netmon_ebpf::Protocol;
use netmon_model::fixtures;

use super::{Answer, Fake, Server, eventually};
use crate::{
    api,
    live::{Readiness, SourceError},
    server::Limits,
};

fn refused() -> SourceError {
    Box::new(std::io::Error::other("operation not permitted"))
}

#[tokio::test]
async fn a_scrape_is_text_for_prometheus() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
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
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let answer = server.request("HEAD", "/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert!(answer.head.contains("content-length: "), "{}", answer.head);
}

#[tokio::test]
async fn a_long_scrape_is_sent_while_it_is_written_and_is_complete() {
    let server = Server::of(|| Ok(fixtures::star(200))).await;
    // HTTP/1.0 has no chunks: the answer ends with the connection.
    let answer = server.raw(b"GET /metrics HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("content-length"), "{}", answer.head);
    let lines: Vec<_> = answer.body.lines().collect();
    let of_links = lines.iter().filter(|line| line.starts_with("netmon_endpoint_up{")).count();
    assert_eq!(of_links, 400);
    assert!(lines.last().unwrap().starts_with("process_"), "{lines:?}");

    let head = server.request("HEAD", "/metrics").await.head;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let difference = length.parse::<usize>().unwrap().abs_diff(answer.body.len());
    // Durations differ by a few digits between the two readings.
    assert!(difference < 100, "{length} and {}", answer.body.len());
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
            _ => Ok(fixtures::direct()),
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
async fn readiness_is_503_with_a_reason_until_every_hook_is_attached() {
    let ready = Server::of(|| Ok(fixtures::direct())).await;
    let answer = ready.get("/readyz").await;
    assert_eq!(answer.status, 200);
    let read: Readiness = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read, Readiness::from_hooks(4, 4));

    let partial = Fake(|| Ok(fixtures::direct()), Readiness::from_hooks(3, 4));
    let partial = Server::start(partial, Limits::default()).await;
    let answer = partial.get("/readyz").await;
    assert_eq!(answer.status, 503);
    let read: Readiness = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((read.ready, read.reason.as_deref()), (false, Some("3 of 4 hooks are attached")));
    assert_eq!(partial.get("/healthz").await.body, "ok\n");
}

#[tokio::test]
async fn methods_other_than_get_and_head_are_refused_and_unknown_paths_are_a_404() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
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
async fn the_index_lists_every_path_that_exists() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let index = server.get("/").await.body;
    let named = |attribute: &str| -> Vec<String> {
        index.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let paths = [named("href=\""), named("src=\"")].concat();
    for path in ["metrics", "healthz", "readyz", "api/v1/topology", "api/v1/openapi.json", "page/app.js"] {
        assert!(paths.iter().any(|named| named == path), "{path}");
    }
    for path in paths {
        assert_eq!(server.request("HEAD", &format!("/{path}")).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn json_reads_back_as_the_types_that_wrote_it() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let text = server.get("/api/v1/links").await.body;
    let links: api::Links = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&links).unwrap(), text);
    let snapshot = fixtures::direct();
    assert_eq!(links.links[0].a.egress.packets, snapshot.links[0].a.hooks.egress.packets());
    assert_eq!(links.links[0].a_to_b.as_ref().unwrap().lost_segments, snapshot.links[0].a_to_b.lost_segments);

    let text = server.get("/api/v1/topology").await.body;
    let topology: api::Topology = serde_json::from_str(&text).unwrap();
    let mut expected = api::Topology::of(&snapshot, &topology.agent, topology.history);
    expected.services.clone_from(&topology.services);
    assert_eq!((&topology, topology.services.len()), (&expected, 1));
    assert_eq!(serde_json::to_string(&topology).unwrap(), text);
    assert_eq!(topology.somewhere_to_ping(), Some("10.200.0.3".parse().unwrap()));
}

#[tokio::test]
async fn one_link_is_answered_alone_and_an_unknown_one_with_names_near_it() {
    let server = Server::of(|| Ok(fixtures::star(30))).await;
    let answer = server.get("/api/v1/links?link=root:veth7--netns7:eth0").await;
    let links: api::Links = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(links.links.len(), 1);
    assert_eq!(links.links[0].name.as_str(), "root:veth7--netns7:eth0");
    for end in ["veth7", "netns7:eth0"] {
        let of_end = server.get(&format!("/api/v1/links?link={end}")).await;
        let links: api::Links = serde_json::from_str(&of_end.body).unwrap();
        assert_eq!(links.links[0].name.as_str(), "root:veth7--netns7:eth0", "{end}");
    }
    let answer = server.get("/api/v1/flows?link=eth0").await;
    assert_eq!((answer.status, answer.body.as_str()), (400, "30 links have an end eth0: name one of them\n"));
    let answer = server.get("/api/v1/links?link=root:veth7--netns8:eth0").await;
    assert_eq!(answer.status, 400);
    let said = "there is no link \"root:veth7--netns8:eth0\"; near it: root:veth7--netns7:eth0, ";
    assert!(answer.body.starts_with(said), "{}", answer.body);
    for query in ["link=", "link=a/b", "links=x"] {
        assert_eq!(server.get(&format!("/api/v1/links?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn one_request_is_answered_with_the_rates_of_the_last_seconds() {
    let began = Instant::now();
    let server = Server::of(move || {
        // A thousand packets and 64,000 bytes a second.
        let mut snapshot = fixtures::direct();
        let elapsed = began.elapsed();
        snapshot.monotonic_ns += u64::try_from(elapsed.as_nanos()).unwrap();
        let packets = u64::try_from(elapsed.as_millis()).unwrap();
        snapshot.links[0].a.hooks.egress.protocols[Protocol::Icmp].packets += packets;
        snapshot.links[0].a.hooks.egress.protocols[Protocol::Icmp].bytes += 64 * packets;
        Ok(snapshot)
    })
    .await;
    let rates = |answer: &Answer| serde_json::from_str::<api::Links>(&answer.body).unwrap();
    let answer = eventually(&server, "/api/v1/links", |answer| rates(answer).window_seconds.is_some()).await;
    let links = rates(&answer);
    let (busy, idle) = (&links.links[0].a.egress, &links.links[0].b.as_ref().unwrap().egress);
    let rate = busy.packets_per_second.unwrap();
    assert!((rate - 1000.0).abs() < 15.0, "{rate} packets/s over {:?} s", links.window_seconds);
    assert!((busy.bytes_per_second.unwrap() / rate - 64.0).abs() < 0.1);
    assert_eq!(idle.packets_per_second, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_scrapes_share_readings_and_are_never_stale() {
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
        let mut snapshot = fixtures::direct();
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
