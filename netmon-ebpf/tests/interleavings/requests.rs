//! Requests: each one that was remembered is answered once, displaced once, or still waits.

use std::sync::Arc;

use netmon_ebpf::{
    requests::{Displaced, REQUEST_WAYS, Remembered, Request, RequestSet},
    tag::SharedWords,
};

use crate::{
    memory::{Machine, Shared},
    processors::{Work, explore, nth, processors},
};

type Table = Shared<RequestSet>;

/// What one processor did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    /// Remembered the request, and may have displaced another.
    Remember(u64, Option<Displaced>),
    /// Found the request waiting.
    Repeat(u64),
    /// Found the request.
    Answer(u64, Request),
    /// Counted the request, which had passed another endpoint, as answered.
    Elsewhere(u64),
    /// Lost the race for a place, or found no request.
    Nothing,
}

fn remember(set: &RequestSet, tag: u64, at_ns: u64, words: impl SharedWords) -> Did {
    match set.remember(tag, at_ns, words) {
        Remembered::Yes => Did::Remember(tag, None),
        Remembered::InPlaceOf(displaced) => Did::Remember(tag, Some(displaced)),
        Remembered::Again => Did::Repeat(tag),
        Remembered::No => Did::Nothing,
    }
}

fn answer(set: &RequestSet, tag: u64, words: impl SharedWords) -> Did {
    set.answer(tag, words).request.map_or(Did::Nothing, |request| Did::Answer(tag, request))
}

/// A processor that sees the request.
fn asks(tag: u64, at_ns: u64) -> Work<Table, Did> {
    Box::new(move |table| remember(table.table(), tag, at_ns, table.words()))
}

/// A processor that sees the answer to the request.
fn answers(tag: u64) -> Work<Table, Did> {
    Box::new(move |table| answer(table.table(), tag, table.words()))
}

/// A processor that sees the answer to request 0 at another endpoint of the namespace.
fn answers_elsewhere() -> Work<Table, Did> {
    Box::new(move |table| {
        let mut did = Did::Nothing;
        let elsewhere = nth(0) ^ 1;
        table.table().answer_elsewhere(elsewhere, 50, table.words(), |tag, _| did = Did::Elsewhere(tag));
        did
    })
}

/// Request 0 of [`with`], as one that passed once.
const FIRST: Request = Request { at_ns: 10, is_repeated: false, is_counted: false };

/// Returns a table in which requests 0, 1, ... have waited since 10, 20, ... ns. The next `changing` places can change:
/// the free ones first, then those of the oldest requests.
fn with(machine: Machine, waiting: usize, changing: usize) -> Arc<Table> {
    let changes = |word| (word / 2 + REQUEST_WAYS - waiting) % REQUEST_WAYS < changing;
    Arc::new(Table::new(machine, changes, |set, words| {
        for n in 0..waiting as u64 {
            assert_eq!(remember(set, nth(n), 10 * (n + 1), words), Did::Remember(nth(n), None));
        }
    }))
}

/// Asserts that each request that went in either came out once or is still there once.
fn assert_accounted(table: &Table, waiting_before: usize, did: &[Did]) {
    let mut waiting: Vec<u64> = (0..waiting_before as u64).map(nth).collect();
    for did in did {
        // The same request on two processors is one.
        if let Did::Remember(tag, _) = did
            && !waiting.contains(tag)
        {
            waiting.push(*tag);
        }
    }
    for one in did {
        if let Did::Answer(tag, _) | Did::Remember(_, Some(Displaced { tag, .. })) = one {
            let place = waiting.iter().position(|waits| waits == tag);
            waiting.swap_remove(place.unwrap_or_else(|| panic!("came out twice: {did:?}")));
        }
    }
    table.settled(|set, words| {
        for tag in waiting {
            assert!(matches!(answer(set, tag, words), Did::Answer(..)), "lost: {tag:#x} of {did:?}");
            assert_eq!(answer(set, tag, words), Did::Nothing, "there twice: {tag:#x} of {did:?}");
        }
    });
}

#[test]
fn of_three_answers_to_one_request_one_finds_it() {
    explore(&Machine::ALL, None, |machine| {
        let table = with(machine, REQUEST_WAYS, 1);
        let mut did = processors(&table, [answers(nth(0)), answers(nth(0)), answers(nth(0))]);
        did.sort_by_key(|&did| did == Did::Nothing);
        assert_eq!(did, [Did::Answer(nth(0), FIRST), Did::Nothing, Did::Nothing]);
    });
}

#[test]
fn each_of_two_requests_at_once_gets_a_place_or_is_refused() {
    for waiting in 0..=REQUEST_WAYS {
        explore(&Machine::ALL, None, move |machine| {
            let table = with(machine, waiting, 2);
            let did = processors(&table, [asks(nth(8), 100), asks(nth(9), 110)]);
            assert_ne!(did, [Did::Nothing, Did::Nothing]);
            assert_accounted(&table, waiting, &did);
        });
    }
}

#[test]
fn one_request_on_two_processors_at_once_takes_one_place() {
    for waiting in 0..REQUEST_WAYS {
        explore(&Machine::ALL, None, move |machine| {
            let table = with(machine, waiting, 2);
            let did = processors(&table, [asks(nth(9), 100), asks(nth(9), 110)]);
            assert!(did.contains(&Did::Remember(nth(9), None)), "{did:?}");
            assert_accounted(&table, waiting, &did);
        });
    }
}

/// The mark is all that a repetition changes: the answer finds the request with or without it, and with its first time.
#[test]
fn a_request_that_is_repeated_while_it_is_answered_keeps_its_time() {
    explore(&Machine::ALL, None, |machine| {
        let table = with(machine, REQUEST_WAYS, 1);
        let did = processors(&table, [asks(nth(0), 100), answers(nth(0))]);
        match did[..] {
            [Did::Repeat(_), Did::Answer(_, request)] => {
                assert_eq!(Request { is_repeated: false, ..request }, FIRST);
            }
            // The answer was first, so it is a new request.
            [Did::Remember(_, None), Did::Answer(_, request)] => assert_eq!(request, FIRST),
            _ => panic!("{did:?}"),
        }
        assert_accounted(&table, REQUEST_WAYS, &did);
    });
}

#[test]
fn an_answer_at_two_other_endpoints_at_once_counts_once() {
    explore(&Machine::ALL, None, |machine| {
        let table = with(machine, REQUEST_WAYS, 1);
        let mut did = processors(&table, [answers_elsewhere(), answers_elsewhere()]);
        did.sort_by_key(|&did| did == Did::Nothing);
        assert_eq!(did, [Did::Elsewhere(nth(0)), Did::Nothing]);
    });
}

#[test]
fn an_answer_here_and_elsewhere_at_once_finds_the_request_with_its_time() {
    explore(&Machine::ALL, None, |machine| {
        let table = with(machine, REQUEST_WAYS, 1);
        let did = processors(&table, [answers(nth(0)), answers_elsewhere()]);
        let Did::Answer(_, request) = did[0] else { panic!("{did:?}") };
        assert_eq!(Request { is_counted: false, ..request }, FIRST);
    });
}

#[test]
fn a_request_is_answered_or_displaced_but_not_both_and_its_time_is_its_own() {
    explore(&Machine::ALL, None, |machine| {
        let table = with(machine, REQUEST_WAYS, 2);
        let did = processors(&table, [asks(nth(9), 100), answers(nth(0))]);
        match did[..] {
            [Did::Remember(_, Some(displaced)), Did::Nothing] => {
                assert_eq!(displaced, Displaced { tag: nth(0), request: FIRST });
            }
            // The answer freed the place before the new request took it.
            [Did::Remember(_, None) | Did::Nothing, Did::Answer(_, request)] => assert_eq!(request, FIRST),
            _ => panic!("{did:?}"),
        }
        assert_accounted(&table, REQUEST_WAYS, &did);
    });
}

#[test]
fn three_processors_lose_no_request_and_find_none_twice() {
    explore(&Machine::ALL, Some(3), |machine| {
        let table = with(machine, REQUEST_WAYS, 2);
        let did = processors(&table, [asks(nth(8), 100), asks(nth(9), 110), answers(nth(0))]);
        assert_accounted(&table, REQUEST_WAYS, &did);
    });
}

/// The limit of what the table promises. A processor takes a place first and stores the time second. Between the
/// two, the place has the time of its previous request, or 0. Another processor that remembers a request at that
/// moment takes the place for the oldest: it displaces the request that was just remembered, even if there are free
/// places, reports the previous time, and may end up with the time of the request that it displaced. All requests
/// that were remembered earlier keep their places and times.
#[test]
fn only_a_request_of_the_same_moment_can_have_a_time_that_is_not_its_own() {
    let own_ns = |tag| [(0, 10), (1, 20), (8, 100), (9, 110)].into_iter().find(|&(n, _)| nth(n) == tag);
    for (waiting, before_ns) in [(0, 0), (REQUEST_WAYS, 10)] {
        explore(&Machine::ALL, None, move |machine| {
            let table = with(machine, waiting, 2);
            let did = processors(&table, [asks(nth(8), 100), asks(nth(9), 110)]);
            for did in did {
                if let Did::Remember(_, Some(Displaced { tag, request: Request { at_ns, .. } })) = did {
                    let of_this_moment = tag == nth(8) || tag == nth(9);
                    let is_own = own_ns(tag).is_some_and(|(_, own_ns)| own_ns == at_ns);
                    assert!(is_own || of_this_moment && at_ns == before_ns, "{did:?}");
                }
            }
            table.settled(|set, words| {
                for tag in [nth(8), nth(9)] {
                    let waits = answer(set, tag, words);
                    let is_own = |request: Request| matches!(request.at_ns, 100 | 110);
                    assert!(!matches!(waits, Did::Answer(_, request) if !is_own(request)), "{waits:?}");
                }
            });
        });
    }
}
