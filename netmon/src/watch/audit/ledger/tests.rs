//! Made-up readings, and the differences and explanations that the ledgers report for them.

use super::*;

const AT: SystemTime = SystemTime::UNIX_EPOCH;

fn passed(packets: u64, segments: u64) -> Passed {
    Passed { packets, segments }
}

fn sent(packets: u64) -> Sent {
    let qdisc = Qdisc { kind: "noqueue".to_owned(), ..Qdisc::default() };
    Sent { packets, dropped: 0, qdisc, carrier_changes: 2 }
}

fn received(packets: u64) -> Received {
    Received { packets, xdp: false }
}

fn tbf(handle: u32, drops: u32, queued: u32) -> Qdisc {
    Qdisc { kind: "tbf".to_owned(), handle, drops, queued }
}

/// The difference, and what is explained, after a few readings.
fn told(ledger: &EgressLedger) -> (i64, Vec<(Cause, i64)>) {
    let audit = ledger.audit(AT).unwrap();
    let explained: i64 = audit.explained.iter().map(|(_, packets)| packets).sum();
    let (hook, kernel) = (audit.hook_packets.cast_signed(), audit.kernel_packets.cast_signed());
    assert_eq!(hook, kernel + explained + audit.difference, "{audit:?}");
    (audit.difference, audit.explained)
}

#[test]
fn what_the_kernel_counted_before_is_explained_and_what_bypasses_the_hook_is_below_zero() {
    let mut ledger = EgressLedger::default();
    assert_eq!(ledger.audit(AT), None);
    ledger.enter(passed(5, 5), 0, &sent(12), Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::BeforeAttach, -7)]));
    ledger.enter(passed(105, 105), 0, &sent(112), Some(Whole::All), false);
    assert_eq!(told(&ledger).0, 0);
    ledger.enter(passed(105, 105), 0, &sent(115), Some(Whole::All), false);
    assert_eq!(told(&ledger).0, -3);
}

#[test]
fn what_a_program_drops_before_the_hook_explains_nothing() {
    let mut ledger = EgressLedger::default();
    ledger.enter(passed(5, 5), 0, &sent(5), Some(Whole::All), false);
    // Behind the hook, and before it.
    ledger.enter(passed(15, 15), 10, &sent(5), Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::TcEgress, 10)]));
    ledger.enter(passed(15, 15), 510, &sent(5), Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::TcEgress, 10)]));
    ledger.enter(passed(25, 25), 515, &sent(10), Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::TcEgress, 15)]));
}

#[test]
fn a_count_of_drops_that_is_a_few_packets_ahead_is_corrected() {
    let mut ledger = EgressLedger::default();
    ledger.enter(passed(5, 5), 0, &sent(5), Some(Whole::All), false);
    ledger.enter(passed(12, 12), 10, &sent(5), Some(Whole::All), false);
    assert_eq!(told(&ledger).0, 0);
    ledger.enter(passed(15, 15), 10, &sent(5), Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::TcEgress, 10)]));
}

#[test]
fn super_packets_explain_segments_only_if_they_are_cut() {
    let mut ledger = EgressLedger::default();
    ledger.enter(passed(0, 0), 0, &sent(0), Some(Whole::All), false);
    // Ten super-packets of 40 that left whole, and two packets past the hook.
    ledger.enter(passed(10, 400), 0, &sent(12), Some(Whole::All), false);
    assert_eq!(told(&ledger), (-2, vec![]));
    // Ten more that were cut, and one packet past the hook.
    ledger.enter(passed(20, 800), 0, &sent(12 + 400 + 1), Some(Whole::Some), false);
    assert_eq!(told(&ledger), (-3, vec![(Cause::Segmented, -390)]));
}

#[test]
fn a_missing_segment_is_reported_only_if_every_super_packet_must_be_cut() {
    for (whole, difference) in [(Some(Whole::None), 1), (Some(Whole::Some), 0), (None, 0)] {
        let mut ledger = EgressLedger::default();
        ledger.enter(passed(0, 0), 0, &sent(0), whole, false);
        ledger.enter(passed(10, 400), 0, &sent(399), whole, false);
        assert_eq!(told(&ledger).0, difference, "{whole:?}");
    }
}

#[test]
fn what_a_qdisc_drops_and_holds_is_explained_also_when_its_count_wraps() {
    let mut ledger = EgressLedger::default();
    let with = |packets, qdisc| Sent { qdisc, ..sent(packets) };
    ledger.enter(passed(0, 0), 0, &with(0, tbf(1, u32::MAX, 0)), Some(Whole::All), false);
    let before = told(&ledger);
    assert_eq!(before.0, 0, "dropped before the hook was watched: {before:?}");
    ledger.enter(passed(100, 100), 0, &with(60, tbf(1, 29, 10)), Some(Whole::All), false);
    let (difference, explained) = told(&ledger);
    assert_eq!(difference, 0);
    assert!(explained.contains(&(Cause::QdiscDrops, i64::from(u32::MAX) + 30)), "{explained:?}");
    assert!(explained.contains(&(Cause::Queued, 10)), "{explained:?}");
    ledger.enter(passed(100, 100), 0, &with(70, tbf(1, 29, 0)), Some(Whole::All), false);
    assert!(told(&ledger).1.contains(&(Cause::Queued, 0)), "a cause that was there stays");
}

#[test]
fn a_queue_that_is_emptied_or_replaced_explains_what_is_missing_then_and_only_then() {
    let queue = |packets, carrier_changes, qdisc| Sent { qdisc, carrier_changes, ..sent(packets) };
    let mut ledger = EgressLedger::default();
    ledger.enter(passed(0, 0), 0, &queue(0, 2, tbf(1, 0, 0)), Some(Whole::All), false);
    ledger.enter(passed(50, 50), 0, &queue(20, 2, tbf(1, 10, 20)), Some(Whole::All), false);
    ledger.enter(passed(50, 50), 0, &queue(20, 4, tbf(1, 10, 0)), Some(Whole::All), false);
    assert_eq!(
        told(&ledger),
        (0, vec![(Cause::QdiscDrops, 10), (Cause::Queued, 0), (Cause::QueueEmptied, 20)])
    );
    // Another takes its place and counts from zero; the four that waited are gone.
    ledger.enter(passed(60, 60), 0, &queue(24, 4, tbf(2, 2, 0)), Some(Whole::All), false);
    assert_eq!(
        told(&ledger),
        (0, vec![(Cause::QdiscDrops, 12), (Cause::Queued, 0), (Cause::QueueEmptied, 24)])
    );
    ledger.enter(passed(61, 61), 0, &queue(24, 4, tbf(2, 2, 0)), Some(Whole::All), false);
    assert_eq!(told(&ledger).0, 1, "nothing happened to the queue: it vanished otherwise");
}

#[test]
fn what_the_interface_and_programs_behind_the_hook_drop_is_explained() {
    let mut ledger = EgressLedger::default();
    ledger.enter(passed(0, 0), 0, &sent(0), Some(Whole::All), false);
    ledger.enter(passed(9, 9), 4, &Sent { dropped: 3, ..sent(2) }, Some(Whole::All), false);
    assert_eq!(told(&ledger), (0, vec![(Cause::TcEgress, 4), (Cause::TxDropped, 3)]));
}

#[test]
fn a_reading_that_was_ahead_is_put_right_by_the_next() {
    for whole in [Some(Whole::All), Some(Whole::Some), Some(Whole::None), None] {
        let mut ledger = EgressLedger::default();
        ledger.enter(passed(0, 0), 0, &sent(0), whole, false);
        ledger.enter(passed(11, 11), 0, &sent(10), whole, false);
        assert_eq!(told(&ledger).0, 1);
        ledger.enter(passed(11, 11), 0, &sent(11), whole, false);
        assert_eq!(told(&ledger).0, 0, "{whole:?}");
    }
}

#[test]
fn packets_that_were_merged_on_arrival_are_explained_only_where_they_may_have_been() {
    for (merges, difference) in [(Some(true), 0), (None, 0), (Some(false), -30)] {
        let mut ledger = IngressLedger::default();
        ledger.enter(passed(0, 0), 0, received(4), merges, false);
        ledger.enter(passed(10, 40), 0, received(44), merges, false);
        let audit = ledger.audit(AT).unwrap();
        assert_eq!(audit.difference, difference, "{merges:?}");
        assert_eq!(audit.explained[0], (Cause::BeforeAttach, -4));
        // One more that the kernel received and the hook did not see.
        ledger.enter(passed(10, 40), 0, received(45), merges, false);
        assert_eq!(ledger.audit(AT).unwrap().difference, difference - 1, "{merges:?}");
    }
}

#[test]
fn a_gap_in_watching_explains_only_what_the_kernel_counted_during_it() {
    let (mut egress, mut ingress) = (EgressLedger::default(), IngressLedger::default());
    for (packets, counted, gap) in [(0, 0, false), (10, 12, false), (10, 50, true), (20, 60, false)] {
        egress.enter(passed(packets, packets), 0, &sent(counted), Some(Whole::All), gap);
        ingress.enter(passed(packets, packets), 0, received(counted), Some(false), gap);
    }
    for audit in [egress.audit(AT).unwrap(), ingress.audit(AT).unwrap()] {
        assert_eq!((audit.difference, audit.explained), (-2, vec![(Cause::Unwatched, -38)]));
    }
    egress.enter(passed(20, 20), 0, &sent(61), Some(Whole::All), false);
    assert_eq!(told(&egress).0, -3);
}

/// The difference and the explanation after readings of packets at the hook, drops there, packets received, and whether an XDP
/// program is attached.
fn arrived(readings: &[(u64, u64, u64, bool)]) -> (i64, Vec<(Cause, i64)>) {
    let mut ledger = IngressLedger::default();
    for &(at_hook, drops, packets, xdp) in readings {
        ledger.enter(passed(at_hook, at_hook), drops, Received { packets, xdp }, Some(false), false);
    }
    let audit = ledger.audit(AT).unwrap();
    (audit.difference, audit.explained)
}

#[test]
fn what_an_xdp_program_takes_is_explained_while_one_is_attached() {
    let taken = arrived(&[(0, 0, 0, false), (10, 0, 10, true), (10, 0, 50, true), (20, 0, 70, true)]);
    assert_eq!(taken, (0, vec![(Cause::Xdp, -50)]));
    let gone_meanwhile = arrived(&[(10, 0, 10, true), (10, 0, 15, false), (10, 0, 18, false)]);
    assert_eq!(gone_meanwhile.0, -3, "without a program, nothing explains it");
    let was_ahead = arrived(&[(0, 0, 0, true), (10, 0, 13, true), (20, 0, 20, true)]);
    assert_eq!(was_ahead, (0, vec![(Cause::Xdp, 0)]));
    let more = arrived(&[(0, 0, 0, true), (12, 0, 10, true)]);
    assert_eq!(more.0, 2, "a program that takes packets does not add any");
}

#[test]
fn drops_before_the_ingress_hook_are_explained_and_drops_behind_it_need_no_explanation() {
    let behind = arrived(&[(0, 0, 0, false), (10, 10, 10, false)]);
    assert_eq!(behind, (0, vec![]));
    let before = arrived(&[(0, 0, 0, false), (10, 7, 15, false)]);
    assert_eq!(before, (0, vec![(Cause::TcIngress, -5)]));
    let unexplained = arrived(&[(0, 0, 0, false), (10, 2, 15, false)]);
    assert_eq!(unexplained, (-3, vec![(Cause::TcIngress, -2)]));
}
