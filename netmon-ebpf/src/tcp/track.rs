//! What has passed a hook of one direction of a stream: all bytes before `next`, except for a few holes.
//!
//! Almost every segment begins where the previous one ended. It advances `next` by one compare-and-exchange and touches
//! nothing else. All others take the lock of the direction, because the two ends of a veth pair may be on different
//! CPUs, and two segments of one direction may pass a hook at the same moment.
//!
//! What this cannot remember counts as not passed: if there are too many holes, two are merged together with the bytes
//! between them, and a segment that finds the lock held for too long is forgotten. So a byte that counts as repeated
//! has certainly passed before.

use super::holes::{HOLES, Hole, REACH, fill, reset};

/// A word of 32 bits that several CPUs share. The eBPF target has no type for it, because its atomic instructions began
/// with 64 bits.
#[cfg(target_arch = "bpf")]
pub type Half = core::cell::Cell<u32>;
/// A word of 32 bits that several CPUs share.
#[cfg(not(target_arch = "bpf"))]
pub type Half = core::sync::atomic::AtomicU32;

/// Access to words of 32 bits that several CPUs share, like [`SharedWords`](crate::tag::SharedWords).
pub trait SharedHalfWords: Copy {
    /// Attempts to take a lock. Its holder needs some tens of nanoseconds.
    const ATTEMPTS: u32 = 8;

    /// Returns the value of `word`.
    fn load_u32(self, word: &Half) -> u32;
    /// Sets `word` to `new`.
    fn store_u32(self, word: &Half, new: u32);
    /// Sets `word` to `new` if its value is `old`, and returns whether it was.
    fn compare_exchange_u32(self, word: &Half, old: u32, new: u32) -> bool;
    /// Returns `number`, of which the compiler knows nothing afterwards.
    fn opaque(self, number: u64) -> u64 {
        number
    }
    /// Returns `number` in a way that the verifier cannot follow ([`crate::parse::Packet::obscured`]). `unknown` is any
    /// number that it does not know.
    #[inline(always)]
    fn obscured(self, number: u64, unknown: u32) -> u64 {
        self.opaque(number ^ u64::from(unknown)) ^ u64::from(unknown)
    }
}

/// In a lock: a program on some CPU holds it.
const HELD: u32 = 1;
/// In a lock: the holes are valid. Without it there are none, whatever the words contain.
const VALID: u32 = 2;
/// Attempts to advance `next`. The lock keeps all others away except segments that are in order.
const ADVANCE_ATTEMPTS: u32 = 3;

/// Where a segment lies relative to what passed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It continues the stream, perhaps after a part that passed before.
    Next,
    /// It lies beyond the end: what is between passed elsewhere, or will pass.
    Gap,
    /// It contains nothing beyond the end.
    Old,
    /// It is the first of its direction, or the first after a jump, so nothing is known about what precedes it.
    First,
    /// It could not be placed, because another CPU held the lock. It is forgotten.
    Unknown,
}

/// What was found out about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where it lies.
    pub place: Place,
    /// Bytes that have passed before.
    pub repeated: u32,
    /// Bytes that passed after later ones, for the first time.
    pub late: u32,
}

impl Passed {
    #[inline(always)]
    const fn at(place: Place) -> Self {
        Self { place, repeated: 0, late: 0 }
    }
}

/// One direction of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Track<'a, S> {
    /// Access to the words.
    pub words: S,
    /// The word that says whether `next` is valid.
    pub state: &'a Half,
    /// The bit of `state` that is set if it is.
    pub known: u32,
    /// One past the highest sequence number that has passed.
    pub next: &'a Half,
    /// The lock of what follows.
    pub lock: &'a Half,
    /// The holes.
    pub holes: &'a [[Half; 2]; HOLES],
}

impl<S: SharedHalfWords> Track<'_, S> {
    /// Passes a segment if it continues the stream, and returns whether it does.
    #[inline(always)]
    pub fn is_next(&self, state: u32, seq: u32, end: u32) -> bool {
        state & self.known != 0 && self.words.compare_exchange_u32(self.next, seq, end)
    }

    /// Passes a segment that [`is_next`](Self::is_next) has refused.
    #[inline(always)]
    pub fn pass(&self, seq: u32, end: u32) -> Passed {
        let Some(lock) = self.take() else {
            return Passed::at(Place::Unknown);
        };
        if lock & VALID == 0 {
            reset(self.holes, Hole::default(), seq, self.words);
        }
        let passed = self.place(seq, end);
        self.words.compare_exchange_u32(self.lock, lock | HELD, VALID);
        passed
    }

    #[inline(always)]
    fn place(&self, seq: u32, end: u32) -> Passed {
        if self.words.load_u32(self.state) & self.known == 0 {
            return self.begin(seq, end);
        }
        let Some(next) = self.advance(seq, end) else {
            return Passed::at(Place::Unknown);
        };
        if is_far(next, seq) {
            return self.begin(seq, end);
        }
        let (is_gap, is_new) = (before(next, seq), before(next, end));
        // What is old of the segment is taken out of the holes, and the gap in front of it is added. By masks, not by
        // branches: the verifier would follow the rest once for each.
        let gap = mask(self.words, before_mask(next, seq));
        let base = next ^ ((next ^ seq) & gap);
        let far = next.wrapping_sub(seq) & !gap;
        let near = next.wrapping_sub(end) & !mask(self.words, before_mask(next, end));
        let added = Hole::between((seq.wrapping_sub(next) & gap).into(), 0);
        let late = fill(self.holes, base, Hole::between(far.into(), near.into()), added, self.words) as u32;
        let place = match (is_gap, is_new) {
            (true, _) => Place::Gap,
            (false, true) => Place::Next,
            (false, false) => Place::Old,
        };
        Passed { place, repeated: far.wrapping_sub(near).wrapping_sub(late), late }
    }

    /// Begins with a segment. Nothing is known about what precedes it, so all of that is a hole.
    #[inline(always)]
    fn begin(&self, seq: u32, end: u32) -> Passed {
        reset(self.holes, Hole::between(REACH.into(), 0), seq, self.words);
        self.words.store_u32(self.next, end);
        change(self.state, self.known, 0, self.words);
        Passed::at(Place::First)
    }

    /// Advances `next` to the end of a segment, unless that is far away. Returns the previous value. Returns `None` if
    /// other CPUs advance it all the time.
    #[inline(always)]
    fn advance(&self, seq: u32, end: u32) -> Option<u32> {
        for _ in 0..ADVANCE_ATTEMPTS {
            let next = self.words.load_u32(self.next);
            let stays = is_far(next, seq) || !before(next, end);
            if stays || self.words.compare_exchange_u32(self.next, next, end) {
                return Some(next);
            }
        }
        None
    }

    /// Takes the lock, and returns its value from before.
    #[inline(always)]
    fn take(&self) -> Option<u32> {
        for _ in 0..S::ATTEMPTS {
            let free = self.words.load_u32(self.lock) & VALID;
            if self.words.compare_exchange_u32(self.lock, free, free | HELD) {
                return Some(free);
            }
        }
        None
    }
}

/// Attempts to change a word of bits. They change rarely, so two CPUs seldom meet.
const CHANGE_ATTEMPTS: u32 = 4;

/// Sets and clears bits of a word, and returns its previous value. If that is not possible, nothing is changed, and the
/// returned value looks as if it had been done before.
#[inline(never)]
pub(super) fn change(word: &Half, set: u32, clear: u32, words: impl SharedHalfWords) -> u32 {
    for _ in 0..CHANGE_ATTEMPTS {
        let old = words.load_u32(word);
        if words.compare_exchange_u32(word, old, old & !clear | set) {
            return old;
        }
    }
    words.load_u32(word) & !clear | set
}

/// Returns all bits set if `a` is before `b`, and none otherwise.
#[inline(always)]
const fn before_mask(a: u32, b: u32) -> u32 {
    (a.wrapping_sub(b) as i32 >> 31) as u32
}

/// Returns a mask of which the compiler knows nothing.
#[inline(always)]
fn mask(words: impl SharedHalfWords, mask: u32) -> u32 {
    words.opaque(mask.into()) as u32
}

/// Returns whether two sequence numbers cannot belong to one window.
#[inline(always)]
const fn is_far(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) > REACH && b.wrapping_sub(a) > REACH
}

/// Returns whether `a` is before `b` in sequence space (RFC 9293, 3.4).
#[inline(always)]
pub(super) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}
