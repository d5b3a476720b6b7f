//! An example for tests: a small lab with a link of each condition, whose figures can be checked by eye.

use netmon_model::{
    by::Ends,
    names::{NsName, Side},
};

use super::{
    data::{
        End, EndFrame, Frame, Latency, Link, LinkFrame, Namespace, Pass, Probe, ProbeFrame, SIDES, Topology,
    },
    glyphs::Glyphs,
    palette::Palette,
    state::{Message, State},
};
use crate::{api::Amounts, render::terminal::Charset};

/// When the agent of the example started.
const STARTED_MS: u64 = 1_790_000_000_000;
/// Seconds of frames.
const SECONDS: u64 = 100;

/// A link between two ends that are up.
pub(crate) fn link(name: &str, a: (&str, &str), b: (&str, &str)) -> Link {
    let end = |(namespace, interface): (&str, &str), number: u32| End {
        namespace: namespace.parse().unwrap(),
        interface: interface.parse().unwrap(),
        addresses: vec![format!("10.0.0.{number}/24")],
        is_up: true,
        is_watched: true,
        drift: Vec::new(),
    };
    Link {
        name: name.parse().unwrap(),
        ends: Ends { a: Some(end(a, 1)), b: Some(end(b, 2)) },
        impairments: Ends::default(),
    }
}

fn namespace(name: &str, services: &[&str]) -> Namespace {
    let services = services.iter().map(|service| (*service).to_owned()).collect();
    Namespace { name: name.parse().unwrap(), bridges: Vec::new(), services }
}

fn probe(name: &str, success: Option<bool>, error: Option<&str>) -> Probe {
    Probe {
        from: NsName::root(),
        kind: "http".to_owned(),
        name: name.to_owned(),
        target: format!("http://{name}/"),
        interval_ns: 1_000_000_000,
        success,
        error: error.map(str::to_owned),
    }
}

/// The topology: links that are busy, lossy and impaired, down, and idle.
pub(crate) fn topology() -> Topology {
    let mut lossy = link("uplink", ("red", "eth1"), ("green", "eth0"));
    lossy.impairments.a =
        Some(Amounts { loss_ppm: Some(10_000), delay_ns: Some(10_000_000), ..Amounts::default() });
    let mut down = link("backup", ("red", "eth2"), ("green", "eth1"));
    down.ends.b.as_mut().unwrap().is_up = false;
    Topology {
        started_at_ms: STARTED_MS,
        not_watched: None,
        lab: Some(("office".to_owned(), "labs/office.toml".to_owned())),
        namespaces: vec![
            namespace("root", &[]),
            namespace("direct_netns", &["web :80"]),
            namespace("red", &[]),
            namespace("green", &["nginx -g daemon off;"]),
        ],
        links: vec![
            link("root:veth0--direct_netns:veth1", ("root", "veth0"), ("direct_netns", "veth1")),
            lossy,
            down,
            link("red:eth0--root:veth2", ("red", "eth0"), ("root", "veth2")),
        ],
        probes: vec![
            probe("10.0.0.2", Some(true), None),
            probe("10.0.0.9", Some(false), Some("connection refused")),
            probe("10.0.0.7", None, None),
        ],
    }
}

fn pass(second: u64, packets: u64, lost: u64) -> Pass {
    let latency = Latency {
        count: packets,
        p50_ns: Some(4_500).filter(|_| packets > 0),
        p99_ns: Some(12_300 + 100 * lost).filter(|_| packets > 0),
        max_bound_ns: Some(16_384).filter(|_| packets > 0),
        first_octave: 11,
        octaves: Box::new([packets / 10, packets / 2, packets / 4]),
    };
    Pass {
        packets_total: Some(packets * second),
        packets,
        wire_bytes: 1000 * packets,
        lost_total: Some(lost * second),
        lost: Some(lost),
        latency: Some(latency),
    }
}

/// What passed in a second: a wave on the first link, a steady stream on the second, nothing on the others.
pub(crate) fn frame(second: u64) -> Frame {
    let busy = 1000 + 100 * (second % 10) * (second % 10);
    let link = |forward: Pass, back: Pass| LinkFrame {
        passed: Ends { a: Some(forward), b: Some(back) },
        ends: Ends::from_fn(|_| Some(EndFrame { dropped: Some(0), ..EndFrame::default() })),
    };
    let probe = |last_ns, failures_total| ProbeFrame { last_ns, failures_total };
    Frame {
        at_ms: STARTED_MS + 1000 * second,
        window_ms: 1000.0,
        links: vec![
            Some(link(pass(second, busy, 0), pass(second, busy / 10, 0))),
            Some(link(pass(second, 200, 2), pass(second, 100, 0))),
            None,
            Some(link(pass(second, 0, 0), pass(second, 0, 0))),
        ],
        probes: vec![probe(Some(700_000 + 1000 * second), 1), probe(None, second), probe(None, 0)],
    }
}

/// The state after a hundred seconds, on a terminal of this size.
pub(crate) fn state(columns: u16, rows: u16) -> State {
    with_charset(columns, rows, Charset::Utf8)
}

/// The same, with other characters.
pub(crate) fn with_charset(columns: u16, rows: u16, charset: Charset) -> State {
    let mut state = State::new(Glyphs::of(charset), Palette { has_colours: true }, (columns, rows));
    state.address = "127.0.0.1:9477".to_owned();
    state.apply(Message::Topology(topology()));
    for second in 1..SECONDS {
        state.apply(Message::History(frame(second)));
    }
    state.apply(Message::Frame(frame(SECONDS)));
    state
}

/// The counts of the links, as `/api/v1/links` would give them.
pub(crate) fn counts() -> crate::api::Links {
    let mut links = crate::render::example::links();
    links.links[0].b.as_mut().unwrap().dropped_packets =
        Some([("NO_SOCKET".to_owned(), 7), ("NETFILTER_DROP".to_owned(), 0)].into());
    links
}

#[test]
fn frames_of_the_example_match_its_topology_and_its_first_link_has_both_ends() {
    let topology = topology();
    assert!(SIDES.into_iter().all(|side: Side| topology.links[0].ends[side].is_some()));
    assert_eq!(frame(1).links.len(), topology.links.len());
    assert_eq!(frame(1).probes.len(), topology.probes.len());
}
