//! Windows and rates, with and without a history.

use netmon_ebpf::Protocol;
use netmon_model::{fixtures, names::Side};

use super::*;

const SECOND: u64 = 1_000_000_000;

fn snapshot(second: u64) -> Snapshot {
    let mut snapshot = Snapshot { monotonic_ns: second * SECOND, ..fixtures::direct() };
    snapshot.links[0].a.hooks.egress.protocols[Protocol::Icmp].packets += 10 * second;
    snapshot
}

fn packets(window: &Window) -> u64 {
    window.links[0].as_ref().unwrap().directions[Side::A].as_ref().unwrap().packets
}

#[test]
fn a_window_is_what_happened_since_the_reading_before() {
    let live = Live::new(Some(1 << 20));
    assert!(live.push(&snapshot(10)).is_none(), "there is nothing to compare with");
    let window = live.push(&snapshot(12)).unwrap();
    assert_eq!((window.length_ns, packets(&window)), (2 * SECOND, 20));
    assert!(live.push(&snapshot(12)).is_none() && live.push(&snapshot(11)).is_none(), "not newer");
    assert_eq!(packets(&live.push(&snapshot(13)).unwrap()), 10);
    assert_eq!(live.window_end_ns(), 13 * SECOND);
}

#[test]
fn a_request_between_two_readings_takes_nothing_from_a_window() {
    let live = Live::new(None);
    live.push(&snapshot(10));
    live.base(&snapshot(12));
    assert_eq!(packets(&live.push(&snapshot(13)).unwrap()), 30);
}

#[test]
fn without_a_history_the_request_before_is_the_base() {
    let live = Live::new(None);
    let base = |second| live.base(&snapshot(second)).map(|base| base.monotonic_ns() / SECOND);
    assert_eq!([base(10), base(70), base(71)], [None, Some(10), Some(70)]);

    let live = Live::new(Some(1 << 20));
    assert!(
        live.base(&snapshot(10)).is_none() && live.base(&snapshot(70)).is_none(),
        "readings are made anyway"
    );
}

#[test]
fn a_link_that_is_new_has_no_window() {
    let live = Live::new(Some(1 << 20));
    let mut before = snapshot(1);
    let peer = before.links[0].b.take();
    live.push(&before);
    let window = live.push(&snapshot(2)).unwrap();
    let link = window.links[0].as_ref().unwrap();
    assert!(link.directions.iter().all(Option::is_none), "its peer was not known: {peer:?}");
    assert!(link.ends.a.is_some() && link.ends.b.is_none());
    let mut after = snapshot(3);
    after.links.clear();
    assert!(live.push(&after).unwrap().links.is_empty());
    assert!(live.push(&snapshot(4)).unwrap().links[0].is_none());
}
