//! Requests that wait for their answer (ICMP echo, DNS): a table of sets, where each set is one cache line.
//!
//! A request can be in any place of its set. There is no LRU list, no lock and no allocation. When a set is full, a
//! new request displaces the one that has waited longest, and the caller learns which one that was. Programs on
//! several CPUs share a set. A place changes hands by one [`SharedWords::compare_exchange`].
//!
//! The set is chosen by the conversation and the namespace, the place by the endpoint too: what one packet asks at
//! several endpoints of a namespace waits in one set. So an answer that comes back by another endpoint is recognized.
//!
//! The time of a place is stored after the place has changed hands. If two CPUs remember requests at the same
//! moment, one can therefore displace the other, and can end up with its time; `tests/interleavings` has the details.

use core::sync::atomic::AtomicU64;

use crate::{
    epoch::ANSWER_TIMEOUT_NS,
    tag::{SharedWords, is_same_conversation},
};

/// Number of places in a set.
pub const REQUEST_WAYS: usize = 4;

/// Set in the time of a request that passed again. Times are even, so they are up to a nanosecond early.
const REPEATED: u64 = 1;
/// Set in the time of a request until it counts as answered. Without it, the place is older than any that has it, so
/// it is the next one to be displaced.
const OPEN: u64 = 1 << 63;

/// A place for one request.
#[derive(Debug, Default)]
#[repr(C)]
struct Place {
    /// The tag of the request; 0 if the place is empty.
    tag: AtomicU64,
    /// When the request passed, monotonic nanoseconds, with [`REPEATED`] and [`OPEN`].
    at: AtomicU64,
}

/// A set of places.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
///
/// use netmon_ebpf::{
///     requests::{Remembered, RequestSet},
///     tag::{Mixer, SharedWords, tag},
/// };
///
/// #[derive(Clone, Copy)]
/// struct Atomics;
///
/// impl SharedWords for Atomics {
///     fn load(self, word: &AtomicU64) -> u64 {
///         word.load(SeqCst)
///     }
///     fn store(self, word: &AtomicU64, new: u64) {
///         word.store(new, SeqCst);
///     }
///     fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool {
///         word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
///     }
/// }
///
/// let (key, kind, endpoint) = (0x5eed, 0, 7);
/// let tag = tag(Mixer::new(key, kind).word(1).finish(), endpoint, false);
///
/// let set = RequestSet::default();
/// assert_eq!(set.remember(tag, 1_000, Atomics), Remembered::Yes);
/// let answered = set.answer(tag, Atomics).request.unwrap();
/// assert_eq!((answered.at_ns, answered.is_repeated), (1_000, false));
/// assert_eq!(set.answer(tag, Atomics).request, None);
/// ```
#[derive(Debug, Default)]
#[repr(C)]
pub struct RequestSet {
    places: [Place; REQUEST_WAYS],
}

/// A request that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it passed for the first time, monotonic nanoseconds.
    pub at_ns: u64,
    /// Whether it passed again. It is unknown which of them was answered, so there is no sample (Karn).
    pub is_repeated: bool,
    /// Whether it counts as answered, because its answer passed another endpoint of the namespace.
    pub is_counted: bool,
}

/// A request that was displaced before it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displaced {
    /// Its tag.
    pub tag: u64,
    /// The request.
    pub request: Request,
}

/// The outcome of [`RequestSet::remember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// The request waits for its answer.
    Yes,
    /// The request waits in the place of another.
    InPlaceOf(Displaced),
    /// The request was waiting already, and keeps its time.
    Again,
    /// The request was not remembered, because another CPU took the place at that moment.
    No,
}

/// The outcome of [`RequestSet::answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answered request. `None` if none waits at this endpoint.
    pub request: Option<Request>,
    /// Whether the request passed other endpoints of the namespace, too. [`RequestSet::answer_elsewhere`] finds them.
    pub is_elsewhere: bool,
}

impl Request {
    /// Returns the time word of a request that passes now.
    const fn open(now_ns: u64) -> u64 {
        now_ns & !REPEATED | OPEN
    }

    const fn from_word(at: u64) -> Self {
        Self { at_ns: at & !(OPEN | REPEATED), is_repeated: at & REPEATED != 0, is_counted: at & OPEN == 0 }
    }

    /// Returns whether an answer at `now_ns` is in time.
    #[inline(always)]
    #[must_use]
    pub const fn is_fresh(self, now_ns: u64) -> bool {
        now_ns.wrapping_sub(self.at_ns) <= ANSWER_TIMEOUT_NS
    }
}

impl Place {
    /// Remembers that the request in this place passed again. Once it counts as answered, or as unanswered, it is a new
    /// request. An unanswered one may still get a late answer, so the new one gives no sample either.
    #[inline(always)]
    fn again(&self, tag: u64, now_ns: u64, words: impl SharedWords) -> Remembered {
        let at = words.load(&self.at);
        let request = Request::from_word(at);
        if !request.is_counted && request.is_fresh(now_ns) {
            // If this fails, another CPU marked it, or has just answered it.
            words.compare_exchange(&self.at, at, at | REPEATED);
            return Remembered::Again;
        }
        let mark = if request.is_counted { 0 } else { REPEATED };
        let stored = words.compare_exchange(&self.at, at, Request::open(now_ns) | mark);
        // It may have been answered in between.
        if stored && words.load(&self.tag) == tag { Remembered::Yes } else { Remembered::No }
    }

    /// Returns the request, and empties the place. Returns `None` if another CPU did so first.
    #[inline(always)]
    fn take(&self, tag: u64, words: impl SharedWords) -> Option<Request> {
        let at = words.load(&self.at);
        words.compare_exchange(&self.tag, tag, 0).then(|| Request::from_word(at))
    }
}

impl RequestSet {
    /// Remembers that a request passed. If the same request waits already, it keeps its first time, and is marked as
    /// repeated.
    #[inline(always)]
    pub fn remember(&self, tag: u64, now_ns: u64, words: impl SharedWords) -> Remembered {
        let mut place = &self.places[0];
        let (mut held, mut held_at) = (0, u64::MAX);
        for candidate in &self.places {
            let holds = words.load(&candidate.tag);
            if holds == tag {
                (place, held) = (candidate, tag);
                break;
            }
            // An empty place counts as older than any request.
            let at = if holds == 0 { 0 } else { words.load(&candidate.at) };
            if at < held_at {
                (place, held, held_at) = (candidate, holds, at);
            }
        }
        if held == tag {
            return place.again(tag, now_ns, words);
        }
        if !words.compare_exchange(&place.tag, held, tag) {
            return Remembered::No;
        }
        words.store(&place.at, Request::open(now_ns));
        if held == 0 {
            return Remembered::Yes;
        }
        Remembered::InPlaceOf(Displaced { tag: held, request: Request::from_word(held_at) })
    }

    /// Returns the answered request, and forgets it. A second answer gets `None`, and so does one of two answers on
    /// two CPUs.
    #[inline(always)]
    pub fn answer(&self, tag: u64, words: impl SharedWords) -> Answered {
        let (mut own, mut is_elsewhere) = (None, false);
        for place in &self.places {
            let holds = words.load(&place.tag);
            if holds == tag {
                own = Some(place);
            } else if is_same_conversation(holds, tag) {
                is_elsewhere = true;
            }
        }
        Answered { request: own.and_then(|place| place.take(tag, words)), is_elsewhere }
    }

    /// Calls `answered` for each tag under which the same request waits at another endpoint of the namespace, unless
    /// it counts as answered or is too old. It counts as answered from then on. It keeps its place: the answer may be
    /// forwarded to that endpoint.
    #[inline(always)]
    pub fn answer_elsewhere(
        &self,
        tag: u64,
        now_ns: u64,
        words: impl SharedWords,
        mut answered: impl FnMut(u64, Request),
    ) {
        for place in &self.places {
            let holds = words.load(&place.tag);
            if holds == tag || !is_same_conversation(holds, tag) {
                continue;
            }
            let at = words.load(&place.at);
            let request = Request::from_word(at);
            let is_open = !request.is_counted && request.is_fresh(now_ns);
            if is_open && words.compare_exchange(&place.at, at, at & !OPEN) {
                answered(holds, request);
            }
        }
    }
}

// One cache line.
const _: () = assert!(size_of::<RequestSet>() == 64);
