//! What becomes of requests: each is counted once, however it is answered.

use netmon_ebpf::{
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_TIMEOUT_NS},
    request_counters::RequestCounters,
    requests::Request,
};

/// The beginning of an answer epoch, and its slot.
const EPOCH: (u64, usize) = (3 << ANSWER_EPOCH_SHIFT, 3);
const ONCE: Request = Request { at_ns: EPOCH.0, is_repeated: false, is_counted: false };
const REPEATED: Request = Request { is_repeated: true, ..ONCE };

/// Returns asked and answered requests of the epoch, and those without a sample.
fn counts(counters: &RequestCounters) -> (u32, u32, u64) {
    (counters.asked[EPOCH.1], counters.answered[EPOCH.1], counters.unsampled)
}

fn asked() -> RequestCounters {
    let mut counters = RequestCounters::ZERO;
    counters.ask(EPOCH.0);
    counters
}

#[test]
fn an_answer_is_a_sample_and_counts_in_the_epoch_of_its_request() {
    let mut counters = asked();
    let next_epoch_ns = EPOCH.0 + (1 << ANSWER_EPOCH_SHIFT);
    assert_eq!(counters.answer(ONCE, next_epoch_ns), Some(1 << ANSWER_EPOCH_SHIFT));
    assert_eq!(counts(&counters), (1, 1, 0));
}

#[test]
fn the_answer_of_a_repeated_request_counts_and_is_no_sample() {
    let mut counters = asked();
    assert_eq!(counters.answer(REPEATED, EPOCH.0 + 20), None);
    assert_eq!(counts(&counters), (1, 1, 1));
}

#[test]
fn a_late_answer_is_no_answer() {
    let mut counters = asked();
    assert_eq!(counters.answer(ONCE, EPOCH.0 + ANSWER_TIMEOUT_NS + 1), None);
    assert_eq!(counts(&counters), (1, 0, 0));
    assert_eq!(counters.answer(ONCE, EPOCH.0 - 1), None, "another CPU's clock may be behind");
    assert_eq!(counts(&counters), (1, 0, 0));
}

#[test]
fn an_answer_elsewhere_counts_once_even_if_it_is_forwarded_here() {
    for (request, sample, unsampled) in [(ONCE, Some(30), 0), (REPEATED, None, 1)] {
        let mut counters = asked();
        counters.answer_elsewhere(request);
        assert_eq!(counts(&counters), (1, 1, 1));
        let counted = Request { is_counted: true, ..request };
        assert_eq!(counters.answer(counted, EPOCH.0 + 30), sample);
        assert_eq!(counts(&counters), (1, 1, unsampled));
    }
}

#[test]
fn a_displaced_request_was_not_asked() {
    let mut counters = asked();
    counters.withdraw(ONCE);
    assert_eq!(counters, RequestCounters::ZERO);
}
