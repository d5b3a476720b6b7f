//! Traces of made-up events.

use netmon_ebpf::trace::{ARRIVES, DROPPED, LEAVES};
use netmon_model::trace::{Trace, What};

use super::*;

/// The namespaces: their cookies.
const CLIENT: u64 = 1;
const ROUTER: u64 = 2;
const SERVER: u64 = 3;

fn places() -> Places {
    let interface = |name: &str, peer, link: &str| Interface {
        name: name.to_owned(),
        peer: Some(peer),
        link: Some(link.to_owned()),
    };
    Places {
        namespaces: [(CLIENT, "client"), (ROUTER, "router"), (SERVER, "server")]
            .map(|(cookie, name)| (cookie, name.to_owned()))
            .into(),
        // In every namespace, numbers begin at 2.
        interfaces: [
            ((CLIENT, 2), interface("eth0", 2, "one")),
            ((ROUTER, 2), interface("left", 2, "one")),
            ((ROUTER, 3), interface("right", 2, "two")),
            ((SERVER, 2), interface("eth0", 3, "two")),
            ((ROUTER, 4), interface("aside", 2, "three")),
        ]
        .into(),
    }
}

/// The hooks of the way through the router and back, with their legs.
const WAY: [(u64, u32, u8, u8); 8] = [
    (CLIENT, 2, LEAVES, 0),
    (ROUTER, 2, ARRIVES, 0),
    (ROUTER, 3, LEAVES, 0),
    (SERVER, 2, ARRIVES, 0),
    (SERVER, 2, LEAVES, 1),
    (ROUTER, 3, ARRIVES, 1),
    (ROUTER, 2, LEAVES, 1),
    (CLIENT, 2, ARRIVES, 1),
];

fn event((netns, ifindex, hook, leg): (u64, u32, u8, u8), run: u32, time_ns: u64) -> Event {
    Event { time_ns, netns, ifindex, run, hook, leg, ..Event::default() }
}

/// A run that begins at `start`, with these times between hooks.
fn run(number: u32, start: u64, took: [u64; 7]) -> (Attempt, Vec<Event>) {
    let mut at = start + 100;
    let mut events = vec![event(WAY[0], number, at)];
    for (hook, took) in WAY[1..].iter().zip(took) {
        at += took;
        events.push(event(*hook, number, at));
    }
    let attempt = Attempt { started_ns: start, ended_ns: at + 50, outcome: Outcome::Arrived, error: None };
    (attempt, events)
}

fn observed(runs: Vec<(Attempt, Vec<Event>)>) -> Observed {
    let (attempts, events): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    Observed {
        places: places(),
        reasons: [(7, "NETFILTER_DROP".to_owned())].into(),
        traffic: TraceTraffic::Icmp,
        from: Sender { namespace: "client".parse().unwrap(), address: None },
        sender: CLIENT,
        to: Destination {
            asked: "server".to_owned(),
            namespace: None,
            address: "10.0.0.1".parse().unwrap(),
            port: None,
        },
        taken_at_unix_ms: 0,
        attempts,
        events: events.concat(),
        missed: 0,
    }
}

fn lost(number: u32, start: u64, events: Vec<Event>) -> (Attempt, Vec<Event>) {
    let events = events.into_iter().map(|event| Event { run: number, ..event }).collect();
    (Attempt { started_ns: start, ended_ns: start + 1_000_000, outcome: Outcome::Lost, error: None }, events)
}

fn whats(trace: &Trace) -> Vec<(What, &str)> {
    trace.rungs.iter().map(|rung| (rung.what, rung.name.as_str())).collect()
}

#[test]
fn the_rungs_follow_the_packet_there_and_back_and_add_up() {
    let trace = assemble(&observed(vec![run(0, 1000, [10, 200, 10, 30, 10, 300, 10])]));
    assert_eq!(
        whats(&trace),
        [
            (What::Link, "one"),
            (What::Namespace, "router"),
            (What::Link, "two"),
            (What::Application, "server"),
            (What::Link, "two"),
            (What::Namespace, "router"),
            (What::Link, "one"),
        ]
    );
    let total = trace.total.unwrap();
    assert_eq!(trace.rungs.iter().map(|rung| rung.took_ns).sum::<u64>(), total.typical_ns);
    assert_eq!((total.typical_ns, total.first_ns), (570, None), "the only run is counted");
    let asking = trace.asking.unwrap();
    assert_eq!((asking.before_ns, asking.after_ns, asking.times.typical_ns), (100, 50, 720));
    let slowest = trace.slowest.unwrap();
    assert_eq!((slowest.name.as_str(), slowest.forward_ns, slowest.return_ns), ("router", 200, 300));
    assert_eq!(
        trace.sentences[0],
        "The slowest part is the inside of namespace router: 500 ns of 570 ns, 200 ns there and 300 ns back."
    );
    assert_eq!(trace.to.namespace.as_deref(), Some("server"));
}

#[test]
fn the_first_run_is_apart_and_the_typical_one_has_the_median_total() {
    let of = |number, total| run(number, u64::from(number) * 10_000, [10, total, 10, 10, 10, 10, 10]);
    let trace = assemble(&observed(vec![of(0, 9000), of(1, 30), of(2, 10), of(3, 20)]));
    assert_eq!((trace.typical_run, trace.counted_runs), (Some(3), 3));
    let router = &trace.rungs[1];
    assert_eq!((router.took_ns, router.median_ns, router.worst_ns), (20, 20, 30));
    assert_eq!(router.first_ns, Some(9000));
    assert_eq!(trace.runs[1].took_ns.as_ref().unwrap()[1], 30);
    assert_eq!(trace.runs[3].started_ns, 30_000);
}

#[test]
fn copies_that_a_bridge_floods_and_repetitions_stay_beside_the_way() {
    let (attempt, mut events) = run(0, 0, [10, 200, 10, 30, 10, 300, 10]);
    events.push(event((ROUTER, 4, LEAVES, 0), 0, 311));
    // The same packet again, much earlier: the first of the two was lost.
    events.push(event(WAY[0], 0, 50));
    let trace = assemble(&observed(vec![(attempt, events)]));
    assert_eq!((trace.rungs.len(), trace.copies), (7, 2));
    assert_eq!(trace.total.unwrap().typical_ns, 570);
}

#[test]
fn a_hook_that_saw_nothing_leaves_a_gap() {
    let (attempt, mut events) = run(0, 0, [10, 200, 10, 30, 10, 300, 10]);
    events.retain(|event| event.netns != ROUTER || event.leg != 0);
    let trace = assemble(&observed(vec![(attempt, events)]));
    assert_eq!(whats(&trace)[0], (What::Unseen, "client:eth0 to server:eth0"));
    assert_eq!(trace.rungs[0].took_ns, 220);
    assert!(
        trace.sentences.iter().any(|text| text.starts_with("No hook saw it from client:eth0 to server:eth0"))
    );
}

#[test]
fn a_lost_packet_has_a_last_hook_and_the_kernels_reason() {
    let drop = Event { reason: 7, ..event((ROUTER, 2, DROPPED, 0), 0, 150) };
    let seen = vec![event(WAY[0], 0, 100), event(WAY[1], 0, 110), drop];
    let trace = assemble(&observed(vec![run(0, 0, [10; 7]), lost(1, 0, seen)]));
    let loss = trace.loss.unwrap();
    let last = loss.last.unwrap();
    assert_eq!((last.place.namespace.as_str(), last.place.interface.as_str()), ("router", "left"));
    let dropped = loss.dropped.unwrap();
    assert_eq!((dropped.reason.as_str(), dropped.since_start_ns), ("NETFILTER_DROP", Some(50)));
    assert_eq!((trace.sent, trace.arrived), (2, 1));
    let said = trace.sentences.iter().find(|text| text.starts_with("1 of 2 did not arrive.")).unwrap();
    assert!(
        said.contains("The kernel dropped it in router (on left): NETFILTER_DROP, a rule of nftables"),
        "{said}"
    );
}

#[test]
fn a_drop_before_the_last_hook_is_not_what_ended_the_way() {
    let drop = |time| Event { reason: 7, ..event((SERVER, 9, DROPPED, 0), 0, time) };
    let seen = vec![drop(90), event(WAY[0], 0, 100), event(WAY[1], 0, 110)];
    let trace = assemble(&observed(vec![lost(0, 0, seen)]));
    assert_eq!(trace.loss.unwrap().dropped, None);
    assert!(trace.sentences[0].contains("reported no drop"), "{:?}", trace.sentences);
}

#[test]
fn runs_that_went_another_way_are_in_no_figure() {
    let (attempt, mut events) = run(2, 0, [1; 7]);
    events.retain(|event| event.netns != ROUTER);
    let of = |number| run(number, 0, [10; 7]);
    let trace = assemble(&observed(vec![of(0), of(1), (attempt, events), of(3)]));
    assert_eq!((trace.counted_runs, trace.other_ways), (2, 1));
    assert_eq!(trace.runs[2].took_ns, None);
}

#[test]
fn a_packet_that_no_hook_saw_is_said_so() {
    let attempt = Attempt { started_ns: 0, ended_ns: 10, outcome: Outcome::Arrived, error: None };
    let trace = assemble(&observed(vec![(attempt, Vec::new())]));
    assert!(trace.rungs.is_empty());
    assert!(trace.sentences[0].contains("no hook saw them"), "{:?}", trace.sentences);
}

#[test]
fn a_request_over_a_connection_has_four_legs() {
    let mut events = Vec::new();
    for (step, (netns, ifindex, hook, leg)) in WAY.iter().copied().enumerate() {
        let at = step as u64 * 10;
        events.push(event((netns, ifindex, hook, leg), 0, 100 + at));
        events.push(event((netns, ifindex, hook, leg + 2), 0, 300 + at));
    }
    let attempt = Attempt { started_ns: 0, ended_ns: 400, outcome: Outcome::Arrived, error: None };
    let trace = assemble(&Observed { traffic: TraceTraffic::Http, ..observed(vec![(attempt, events)]) });
    assert_eq!(trace.rungs.len(), 15);
    assert_eq!((trace.rungs[7].what, trace.rungs[7].took_ns), (What::Asking, 130));
    let legs: Vec<&str> = [0, 4, 8, 12].map(|at: usize| trace.rungs[at].leg.as_str()).to_vec();
    assert_eq!(legs, ["SYN", "SYN-ACK", "request", "response"]);
}
