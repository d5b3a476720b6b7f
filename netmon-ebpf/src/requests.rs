//! Requests that wait for their answer (ICMP echo, DNS): a table of sets, each one cache line.
//!
//! A request may be in any of the places of its set. There is no list of the least recently used, no lock
//! and nothing to allocate: when a set is full, the request that waits longest makes room, and the caller
//! is told which it was. Programs on several CPUs share a set; a place changes hands by one
//! [`SharedWords::compare_exchange`].

use core::sync::atomic::AtomicU64;

use crate::tag::SharedWords;

/// Places of a set.
pub const REQUEST_WAYS: usize = 4;

/// One place.
#[derive(Debug, Default)]
#[repr(C)]
struct Place {
    /// The tag of the request; 0 for none.
    tag: AtomicU64,
    /// When it passed, monotonic nanoseconds.
    at_ns: AtomicU64,
}

/// A set of places.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RequestSet {
    places: [Place; REQUEST_WAYS],
}

/// A request that had to make room, unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displaced {
    /// Its tag.
    pub tag: u64,
    /// When it had passed, monotonic nanoseconds.
    pub at_ns: u64,
}

/// What became of a request that was to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It waits for its answer.
    Yes,
    /// It waits, in the place of another.
    InPlaceOf(Displaced),
    /// Another CPU took the place at that moment.
    No,
}

impl RequestSet {
    /// Remembers a request; the same one again is remembered as of now.
    #[inline(always)]
    pub fn remember(&self, tag: u64, now_ns: u64, words: impl SharedWords) -> Remembered {
        let mut place = &self.places[0];
        let (mut held, mut held_at_ns) = (0, u64::MAX);
        for candidate in &self.places {
            let holds = words.load(&candidate.tag);
            // An empty place is older than any request.
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

    /// When the request passed that is answered now. It is forgotten: a second answer finds nothing, and of
    /// two on two CPUs one does.
    #[inline(always)]
    pub fn answer(&self, tag: u64, words: impl SharedWords) -> Option<u64> {
        let place = self.places.iter().find(|place| words.load(&place.tag) == tag)?;
        let at_ns = words.load(&place.at_ns);
        words.compare_exchange(&place.tag, tag, 0).then_some(at_ns)
    }
}

// One cache line.
const _: () = assert!(size_of::<RequestSet>() == 64);
