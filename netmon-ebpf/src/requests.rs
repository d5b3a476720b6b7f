//! Requests that wait for their answer (ICMP echo, DNS): a table of sets, where each set is one cache line.
//!
//! A request can be in any place of its set. There is no LRU list, no lock and no allocation. When a set is full, a
//! new request displaces the one that has waited longest, and the caller learns which one that was. Programs on
//! several CPUs share a set. A place changes hands by one [`SharedWords::compare_exchange`].
//!
//! The time of a place is stored after the place has changed hands. If two CPUs remember requests at the same
//! moment, one can therefore displace the other, and can end up with its time; `tests/interleavings` has the details.

use core::sync::atomic::AtomicU64;

use crate::tag::SharedWords;

/// Number of places in a set.
pub const REQUEST_WAYS: usize = 4;

/// A place for one request.
#[derive(Debug, Default)]
#[repr(C)]
struct Place {
    /// The tag of the request; 0 if the place is empty.
    tag: AtomicU64,
    /// When the request passed, monotonic nanoseconds.
    at_ns: AtomicU64,
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
/// let request = tag(Mixer::new(key, kind).word(1).finish(), endpoint, false);
///
/// let set = RequestSet::default();
/// assert_eq!(set.remember(request, 1_000, Atomics), Remembered::Yes);
/// assert_eq!(set.answer(request, Atomics), Some(1_000));
/// assert_eq!(set.answer(request, Atomics), None);
/// ```
#[derive(Debug, Default)]
#[repr(C)]
pub struct RequestSet {
    places: [Place; REQUEST_WAYS],
}

/// A request that was displaced before it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displaced {
    /// Its tag.
    pub tag: u64,
    /// When it passed, monotonic nanoseconds.
    pub at_ns: u64,
}

/// The outcome of [`RequestSet::remember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// The request waits for its answer.
    Yes,
    /// The request waits in the place of another.
    InPlaceOf(Displaced),
    /// The request was not remembered, because another CPU took the place at that moment.
    No,
}

impl RequestSet {
    /// Remembers that a request passed. If the same request is waiting already, it is timed from now on.
    #[inline(always)]
    pub fn remember(&self, tag: u64, now_ns: u64, words: impl SharedWords) -> Remembered {
        let mut place = &self.places[0];
        let (mut held, mut held_at_ns) = (0, u64::MAX);
        for candidate in &self.places {
            let holds = words.load(&candidate.tag);
            // An empty place counts as older than any request.
            let at_ns = if holds == 0 || holds == tag { 0 } else { words.load(&candidate.at_ns) };
            if at_ns < held_at_ns || holds == tag {
                (place, held, held_at_ns) = (candidate, holds, at_ns);
            }
            if holds == tag {
                break;
            }
        }
        if !words.compare_exchange(&place.tag, held, tag) {
            return Remembered::No;
        }
        words.store(&place.at_ns, now_ns);
        if held == 0 || held == tag {
            return Remembered::Yes;
        }
        Remembered::InPlaceOf(Displaced { tag: held, at_ns: held_at_ns })
    }

    /// Returns when the answered request passed, and forgets it. A second answer gets `None`, and so does one of two
    /// answers on two CPUs.
    #[inline(always)]
    pub fn answer(&self, tag: u64, words: impl SharedWords) -> Option<u64> {
        let place = self.places.iter().find(|place| words.load(&place.tag) == tag)?;
        let at_ns = words.load(&place.at_ns);
        words.compare_exchange(&place.tag, tag, 0).then_some(at_ns)
    }
}

// One cache line.
const _: () = assert!(size_of::<RequestSet>() == 64);
