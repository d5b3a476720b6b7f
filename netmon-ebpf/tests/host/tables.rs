//! The tables that are searched by tag: what they find, and what they evict.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use netmon_ebpf::{
    flow::{FLOW_WAYS, FlowSet},
    requests::{Displaced, REQUEST_WAYS, Remembered, RequestSet},
    tag::{Mixer, SharedWords, endpoint_of, is_marked, is_present, tag},
};

/// The host's atomics.
#[derive(Clone, Copy)]
struct Atomics;

impl SharedWords for Atomics {
    fn load(self, word: &AtomicU64) -> u64 {
        word.load(SeqCst)
    }

    fn store(self, word: &AtomicU64, new: u64) {
        word.store(new, SeqCst);
    }

    fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool {
        word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }
}

/// Another CPU always wins the race for a place.
#[derive(Clone, Copy)]
struct TooLate;

impl SharedWords for TooLate {
    fn load(self, word: &AtomicU64) -> u64 {
        Atomics.load(word)
    }

    fn store(self, word: &AtomicU64, new: u64) {
        Atomics.store(word, new);
    }

    fn compare_exchange(self, _: &AtomicU64, _: u64, _: u64) -> bool {
        false
    }
}

/// Returns the tag of the `n`th conversation of endpoint 7.
fn nth(n: u64) -> u64 {
    tag(Mixer::new(1, 0).word(n).finish(), 7, false)
}

#[test]
fn a_tag_is_never_empty_and_keeps_the_endpoint_and_the_mark() {
    for hash in [0, 1, u64::MAX, 0x1_0000, 0x8000_0000_0000_0000] {
        for endpoint in [0, 1, 65_535] {
            for marked in [false, true] {
                let tag = tag(hash, endpoint, marked);
                assert!(is_present(tag));
                assert_eq!((endpoint_of(tag), is_marked(tag)), (endpoint, marked));
            }
        }
    }
}

#[test]
fn a_hash_depends_on_key_kind_and_the_order_of_words() {
    let hash = |key, kind, words: [u64; 2]| Mixer::new(key, kind).word(words[0]).word(words[1]).finish();
    let one = hash(1, 0, [2, 3]);
    assert_eq!(one, hash(1, 0, [2, 3]));
    for other in [hash(2, 0, [2, 3]), hash(1, 1, [2, 3]), hash(1, 0, [3, 2]), hash(1, 0, [2, 4])] {
        assert_ne!(one, other);
    }
}

/// The sequence numbers of a ping are consecutive words, and so are ports, addresses and endpoints.
#[test]
fn consecutive_words_spread_evenly_over_the_sets() {
    const SETS: usize = 1024;
    let mut held = [0_u32; SETS];
    for n in 0..8 * SETS as u64 {
        held[Mixer::new(0x1234_5678_9abc_def0, 1).word(0x0a00_0001).word(n << 16).finish() as usize
            % SETS] += 1;
    }
    // Eight on average. If they are spread at random, one set in ten thousand has more than 20.
    assert!(*held.iter().max().unwrap() <= 24, "{held:?}");
    assert!(held.iter().filter(|&&count| count == 0).count() <= 8);
}

#[test]
fn a_request_is_answered_once() {
    let set = RequestSet::default();
    assert_eq!(set.remember(nth(1), 100, Atomics), Remembered::Yes);
    assert_eq!(set.answer(nth(2), Atomics), None);
    assert_eq!(set.answer(nth(1), Atomics), Some(100));
    assert_eq!(set.answer(nth(1), Atomics), None);
}

#[test]
fn the_same_request_again_is_timed_anew_and_takes_no_second_place() {
    let set = RequestSet::default();
    for n in 0..REQUEST_WAYS as u64 {
        assert_eq!(set.remember(nth(n), 100 + n, Atomics), Remembered::Yes);
    }
    assert_eq!(set.remember(nth(2), 500, Atomics), Remembered::Yes);
    assert_eq!(set.answer(nth(2), Atomics), Some(500));
    assert_eq!(set.answer(nth(0), Atomics), Some(100));
}

#[test]
fn the_request_that_has_waited_longest_is_displaced_and_named() {
    let set = RequestSet::default();
    for (n, at_ns) in [(0, 40), (1, 10), (2, 30), (3, 20)] {
        set.remember(nth(n), at_ns, Atomics);
    }
    let displaced = Displaced { tag: nth(1), at_ns: 10 };
    assert_eq!(set.remember(nth(9), 50, Atomics), Remembered::InPlaceOf(displaced));
    assert_eq!(set.answer(nth(1), Atomics), None);
    assert_eq!(set.answer(nth(9), Atomics), Some(50));
}

#[test]
fn losing_the_race_for_a_place_is_reported_and_changes_nothing() {
    let set = RequestSet::default();
    set.remember(nth(1), 100, Atomics);
    assert_eq!(set.remember(nth(2), 200, TooLate), Remembered::No);
    assert_eq!(set.answer(nth(1), TooLate), None);
    assert_eq!(set.answer(nth(1), Atomics), Some(100));
}

#[test]
fn a_connection_is_found_after_it_is_published() {
    let set = FlowSet::default();
    let claimed = set.claim(|_| unreachable!("the set is empty"), Atomics).unwrap();
    assert!(!claimed.displaced);
    assert_eq!(set.find(nth(1), Atomics), None);
    set.publish(claimed.way, nth(1), Atomics);
    assert_eq!(set.find(nth(1), Atomics), Some(claimed.way));
}

#[test]
fn an_entry_that_is_being_written_is_not_claimed_again() {
    let set = FlowSet::default();
    let ways: Vec<usize> = (0..FLOW_WAYS).map(|_| set.claim(|_| 0, Atomics).unwrap().way).collect();
    assert_eq!(ways, Vec::from_iter(0..FLOW_WAYS));
    assert!(set.claim(|_| 0, Atomics).is_none());
}

#[test]
fn the_connection_that_was_quiet_for_longest_is_displaced() {
    let set = FlowSet::default();
    for n in 0..FLOW_WAYS {
        let claimed = set.claim(|_| 1, Atomics).unwrap();
        set.publish(claimed.way, nth(n as u64), Atomics);
    }
    let last_ns = |way: usize| if way == 5 { 10 } else { 20 + way as u64 };
    let claimed = set.claim(last_ns, Atomics).unwrap();
    assert_eq!((claimed.way, claimed.displaced), (5, true));
    assert_eq!(set.find(nth(5), Atomics), None);
}
