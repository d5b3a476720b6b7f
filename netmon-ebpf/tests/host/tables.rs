//! The tables that are searched by tag: what they find, and what they evict.

use std::sync::atomic::AtomicU64;

use netmon_ebpf::{
    abi::{endpoint_at, netns_at, netns_number, place},
    epoch::ANSWER_TIMEOUT_NS,
    flow::{FLOW_WAYS, FlowSet},
    requests::{Answered, Displaced, REQUEST_WAYS, Remembered, Request, RequestSet},
    tag::{Mixer, SharedWords, endpoint_of, is_marked, is_present, is_same_conversation, tag},
};

use crate::atomics::Atomics;

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
fn a_place_is_an_endpoint_and_the_number_of_its_namespace() {
    for endpoint in [0, 1, 65_535] {
        for cookie in [0, 1, 0x1_ffff, u64::MAX] {
            let place = place(endpoint, netns_number(cookie));
            assert_eq!((endpoint_at(place), netns_at(place)), (endpoint, (cookie & 0xffff) as u32));
        }
    }
}

#[test]
fn tags_of_one_conversation_differ_in_the_endpoint_only() {
    let hash = 0xffff_0000_ffff_0000;
    assert!(is_same_conversation(tag(hash, 1, true), tag(hash, 65_535, true)));
    assert!(!is_same_conversation(tag(hash, 1, true), tag(hash, 1, false)));
    assert!(!is_same_conversation(tag(hash, 1, true), tag(hash ^ 1 << 17, 1, true)));
    assert!(!is_same_conversation(tag(hash, 1, true), 0));
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

/// Returns the tag of the same conversation at another endpoint of the namespace.
fn nth_at(n: u64, endpoint: u32) -> u64 {
    tag(Mixer::new(1, 0).word(n).finish(), endpoint, false)
}

/// A request that passed once, and waits.
fn once(at_ns: u64) -> Request {
    Request { at_ns, is_repeated: false, is_counted: false }
}

fn repeated(at_ns: u64) -> Request {
    Request { is_repeated: true, ..once(at_ns) }
}

fn answered(set: &RequestSet, tag: u64) -> Option<Request> {
    set.answer(tag, Atomics).request
}

/// Returns the endpoints at which a request counts as answered because of an answer at another one.
fn answered_elsewhere(set: &RequestSet, tag: u64, now_ns: u64) -> Vec<(u32, Request)> {
    let mut found = Vec::new();
    set.answer_elsewhere(tag, now_ns, Atomics, |tag, request| found.push((endpoint_of(tag), request)));
    found
}

#[test]
fn a_request_is_answered_once() {
    let set = RequestSet::default();
    assert_eq!(set.remember(nth(1), 100, Atomics), Remembered::Yes);
    assert_eq!(answered(&set, nth(2)), None);
    assert_eq!(answered(&set, nth(1)), Some(once(100)));
    assert_eq!(answered(&set, nth(1)), None);
}

#[test]
fn a_repeated_request_keeps_its_first_time_and_takes_no_second_place() {
    let set = RequestSet::default();
    for n in 0..REQUEST_WAYS as u64 {
        assert_eq!(set.remember(nth(n), 100 + 2 * n, Atomics), Remembered::Yes);
    }
    for at_ns in [500, 600] {
        assert_eq!(set.remember(nth(2), at_ns, Atomics), Remembered::Again);
    }
    assert_eq!(answered(&set, nth(2)), Some(repeated(104)));
    assert_eq!(answered(&set, nth(0)), Some(once(100)));
    assert_eq!(set.remember(nth(2), 700, Atomics), Remembered::Yes);
    assert_eq!(answered(&set, nth(2)), Some(once(700)), "a new request is not repeated");
}

/// glibc and dig repeat a query after five seconds: the answer may be that of the first one.
#[test]
fn a_request_after_the_timeout_is_a_new_one_but_no_sample() {
    let set = RequestSet::default();
    let late_ns = 100 + ANSWER_TIMEOUT_NS + 2;
    assert_eq!(set.remember(nth(1), 100, Atomics), Remembered::Yes);
    assert_eq!(set.remember(nth(1), 100 + ANSWER_TIMEOUT_NS, Atomics), Remembered::Again);
    assert_eq!(set.remember(nth(1), late_ns, Atomics), Remembered::Yes);
    assert_eq!(answered(&set, nth(1)), Some(repeated(late_ns)));
}

#[test]
fn one_request_at_two_endpoints_is_two_and_not_repeated() {
    let set = RequestSet::default();
    for (endpoint, at_ns) in [(7, 100), (8, 110)] {
        assert_eq!(set.remember(nth_at(1, endpoint), at_ns, Atomics), Remembered::Yes);
    }
    for (endpoint, at_ns) in [(8, 110), (7, 100)] {
        assert_eq!(answered(&set, nth_at(1, endpoint)), Some(once(at_ns)));
    }
}

#[test]
fn an_answer_at_another_endpoint_is_found_once_and_only_within_the_conversation() {
    let set = RequestSet::default();
    for (n, endpoint, at_ns) in [(1, 7, 100), (1, 8, 110), (2, 7, 120)] {
        set.remember(nth_at(n, endpoint), at_ns, Atomics);
    }
    let third = nth_at(1, 9);
    assert_eq!(set.answer(third, Atomics), Answered { request: None, is_elsewhere: true });
    assert_eq!(answered_elsewhere(&set, third, 200), [(7, once(100)), (8, once(110))]);
    assert_eq!(answered_elsewhere(&set, third, 200), []);
    assert!(!set.answer(nth_at(3, 9), Atomics).is_elsewhere);
}

#[test]
fn an_answer_is_forwarded_to_an_endpoint_where_it_counts_already() {
    let set = RequestSet::default();
    set.remember(nth_at(1, 7), 100, Atomics);
    answered_elsewhere(&set, nth_at(1, 8), 200);
    assert_eq!(answered(&set, nth_at(1, 7)), Some(Request { is_counted: true, ..once(100) }));
}

#[test]
fn a_late_answer_at_another_endpoint_counts_nothing() {
    let set = RequestSet::default();
    set.remember(nth_at(1, 7), 100, Atomics);
    assert_eq!(answered_elsewhere(&set, nth_at(1, 8), 102 + ANSWER_TIMEOUT_NS), []);
    assert_eq!(answered(&set, nth_at(1, 7)), Some(once(100)));
}

#[test]
fn a_request_that_was_answered_elsewhere_is_displaced_first_and_may_be_asked_again() {
    let set = RequestSet::default();
    for (n, at_ns) in [(0, 10), (1, 40), (2, 20), (3, 30)] {
        set.remember(nth(n), at_ns, Atomics);
    }
    for n in [1, 2] {
        answered_elsewhere(&set, nth_at(n, 8), 50);
    }
    assert_eq!(set.remember(nth(2), 60, Atomics), Remembered::Yes);
    let request = Request { is_counted: true, ..once(40) };
    let displaced = Displaced { tag: nth(1), request };
    assert_eq!(set.remember(nth(9), 70, Atomics), Remembered::InPlaceOf(displaced));
    assert_eq!(answered(&set, nth(2)), Some(once(60)));
    assert_eq!(answered(&set, nth(0)), Some(once(10)));
}

#[test]
fn the_request_that_has_waited_longest_is_displaced_and_named() {
    let set = RequestSet::default();
    for (n, at_ns) in [(0, 40), (1, 10), (2, 30), (3, 20)] {
        set.remember(nth(n), at_ns, Atomics);
    }
    // A repetition does not make it younger.
    assert_eq!(set.remember(nth(1), 45, Atomics), Remembered::Again);
    let displaced = Displaced { tag: nth(1), request: repeated(10) };
    assert_eq!(set.remember(nth(9), 50, Atomics), Remembered::InPlaceOf(displaced));
    assert_eq!(answered(&set, nth(1)), None);
    assert_eq!(answered(&set, nth(9)), Some(once(50)));
}

#[test]
fn losing_the_race_for_a_place_is_reported_and_changes_nothing() {
    let set = RequestSet::default();
    set.remember(nth(1), 100, Atomics);
    assert_eq!(set.remember(nth(2), 200, TooLate), Remembered::No);
    assert_eq!(set.answer(nth(1), TooLate).request, None);
    assert_eq!(answered(&set, nth(1)), Some(once(100)));
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
