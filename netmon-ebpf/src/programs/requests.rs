//! Requests and their answers: the table in which they wait, and the counters of the endpoints that they passed.

use netmon_ebpf::{
    abi::Evicted,
    request_counters::RequestCounters,
    requests::{Displaced, Remembered, Request, RequestSet},
    tag::{endpoint_of, is_marked, tag},
};

use super::{maps, shared_words::Instructions};

/// The protocol of a request. It decides whether the tag is marked, and so which counters belong to a tag.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Echo,
    Dns,
}

/// A request at an endpoint, as the packet describes it that asks or answers.
pub(super) struct Key {
    hash: u64,
    tag: u64,
}

impl Key {
    /// Returns the key for a hash of the conversation and the namespace.
    #[inline(always)]
    pub(super) fn new(kind: Kind, hash: u64, endpoint: u32) -> Self {
        Self { hash, tag: tag(hash, endpoint, matches!(kind, Kind::Echo)) }
    }

    /// Remembers and counts a request. One that is not remembered cannot be answered, so it is not counted.
    #[inline(always)]
    pub(super) fn remember(&self, now_ns: u64) {
        let Some(set) = maps::requests(self.hash) else {
            return;
        };
        match set.remember(self.tag, now_ns, Instructions) {
            Remembered::Yes => {}
            Remembered::InPlaceOf(displaced) => withdraw(displaced, now_ns),
            Remembered::Again => return self.count_repetition(),
            Remembered::No => return maps::count_evicted(Evicted::Request),
        }
        if let Some(counters) = counters(self.tag) {
            counters.ask(now_ns);
        }
    }

    #[inline(always)]
    fn count_repetition(&self) {
        if let Some(counters) = counters(self.tag) {
            counters.repeated += 1;
        }
    }

    /// Returns the request that is answered, and forgets it. Where it passed other endpoints of the namespace, it counts
    /// as answered, too.
    #[inline(always)]
    pub(super) fn answer(&self, now_ns: u64) -> Option<Request> {
        let set = maps::requests(self.hash)?;
        let answered = set.answer(self.tag, Instructions);
        if answered.is_elsewhere {
            self.answer_elsewhere(set, now_ns);
        }
        answered.request
    }

    #[inline(always)]
    fn answer_elsewhere(&self, set: &RequestSet, now_ns: u64) {
        set.answer_elsewhere(self.tag, now_ns, Instructions, |tag, request| {
            if let Some(counters) = counters(tag) {
                counters.answer_elsewhere(request);
            }
        });
    }
}

/// Uncounts a displaced request that could still have been answered, because its answer will not be recognized.
#[inline(always)]
fn withdraw(displaced: Displaced, now_ns: u64) {
    let request = displaced.request;
    if request.is_counted || !request.is_fresh(now_ns) {
        return;
    }
    maps::count_evicted(Evicted::Request);
    if let Some(counters) = counters(displaced.tag) {
        counters.withdraw(request);
    }
}

/// Returns this CPU's counters of requests with this tag.
#[inline(always)]
fn counters(tag: u64) -> Option<&'static mut RequestCounters> {
    let endpoint = endpoint_of(tag);
    if is_marked(tag) {
        Some(&mut maps::counters(endpoint)?.echoes.requests)
    } else {
        Some(&mut maps::round_trips(endpoint)?.dns_queries)
    }
}
