//! Departures that wait for their arrival: what is joined, and what is not.

use netmon_ebpf::tracing::{DEPARTURE_WAYS, Departed, DepartureSet, departure_hash, departure_tag};

use crate::atomics::Atomics;

const SENDER: u32 = 7;

/// Returns the tag of the `n`th packet that was allocated.
fn nth(n: u64) -> u64 {
    departure_tag(0xffff_8880_0123_4500 + 256 * n, SENDER)
}

#[test]
fn a_packet_is_joined_with_both_times_of_its_departure() {
    let set = DepartureSet::default();
    set.queue(nth(1), 100, Atomics);
    assert_eq!(set.send(nth(1), 130, Atomics), Some(100));
    assert_eq!(set.arrive(nth(1), Atomics), Some(Departed { queued_ns: 100, sent_ns: 130 }));
    assert_eq!(set.arrive(nth(1), Atomics), None, "it arrives once");
}

#[test]
fn a_packet_whose_queue_was_not_seen_departs_when_it_is_sent() {
    let set = DepartureSet::default();
    assert_eq!(set.send(nth(1), 130, Atomics), None);
    assert_eq!(set.arrive(nth(1), Atomics), Some(Departed { queued_ns: 130, sent_ns: 130 }));
}

#[test]
fn a_packet_in_its_queue_has_not_been_sent() {
    let set = DepartureSet::default();
    set.queue(nth(1), 100, Atomics);
    assert_eq!(set.arrive(nth(1), Atomics), None);
}

#[test]
fn an_address_that_is_used_again_has_only_its_latest_departure() {
    let set = DepartureSet::default();
    set.queue(nth(1), 100, Atomics);
    set.send(nth(1), 110, Atomics);
    // It was dropped by the driver. The next packet has the same address.
    set.queue(nth(1), 500, Atomics);
    assert_eq!(set.send(nth(1), 510, Atomics), Some(500));
    assert_eq!(set.arrive(nth(1), Atomics), Some(Departed { queued_ns: 500, sent_ns: 510 }));
    // And one that was in no queue.
    set.queue(nth(1), 600, Atomics);
    set.send(nth(1), 610, Atomics);
    assert_eq!(set.send(nth(1), 700, Atomics), None);
    assert_eq!(set.arrive(nth(1), Atomics), Some(Departed { queued_ns: 700, sent_ns: 700 }));
}

#[test]
fn one_address_at_two_endpoints_is_two_departures() {
    let set = DepartureSet::default();
    let (near, far) = (departure_tag(0xffff_8880_0000_1000, 3), departure_tag(0xffff_8880_0000_1000, 4));
    set.send(near, 10, Atomics);
    set.send(far, 20, Atomics);
    assert_eq!(set.arrive(far, Atomics).map(|departed| departed.sent_ns), Some(20));
    assert_eq!(set.arrive(near, Atomics).map(|departed| departed.sent_ns), Some(10));
}

#[test]
fn a_full_set_forgets_the_oldest_departure() {
    let set = DepartureSet::default();
    for n in 0..=DEPARTURE_WAYS as u64 {
        set.queue(nth(n), 100 + n, Atomics);
        set.send(nth(n), 100 + n, Atomics);
    }
    assert_eq!(set.arrive(nth(0), Atomics), None);
    for n in 1..=DEPARTURE_WAYS as u64 {
        assert_eq!(set.arrive(nth(n), Atomics).map(|departed| departed.sent_ns), Some(100 + n));
    }
}

#[test]
fn packets_side_by_side_spread_over_all_sets() {
    const SETS: u32 = 64;
    for size in [256, 512, 768, 4096] {
        let mut filled = [0; SETS as usize];
        for n in 0..u64::from(SETS) * 16 {
            filled[(departure_hash(0xffff_8880_0123_4500 + size * n) & (SETS - 1)) as usize] += 1;
        }
        assert!(filled.iter().all(|count| (8..=32).contains(count)), "{size}: {filled:?}");
    }
}
