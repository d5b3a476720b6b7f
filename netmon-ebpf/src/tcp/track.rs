//! What has passed a hook of one direction of a stream: all bytes before `next`, except for a few holes.
//!
//! Almost every segment begins where the previous one ended. It advances `next` by one compare-and-exchange and touches
//! nothing else. All others take the lock of the direction, because the two ends of a veth pair may be on different
//! CPUs, and two segments of one direction may pass a hook at the same moment.
//!
//! Where this knows less than everything, it takes bytes for such that have not passed: holes that are too many are
//! merged with what lies between them, and a segment that finds the lock held for too long is forgotten. So a byte that
//! counts as repeated has passed before.

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
    const ATTEMPTS: u32 = 32;

    /// Returns the value of `word`.
    fn load_u32(self, word: &Half) -> u32;
    /// Sets `word` to `new`.
    fn store_u32(self, word: &Half, new: u32);
    /// Sets `word` to `new` if its value is `old`, and returns whether it was.
    fn compare_exchange_u32(self, word: &Half, old: u32, new: u32) -> bool;
}

/// Holes of one direction.
pub const HOLES: usize = 3;
/// The largest distance between sequence numbers of one window (RFC 7323, 2.3).
const REACH: u32 = 1 << 30;

/// In a lock: a program on some CPU holds it.
const HELD: u32 = 1;
/// In a lock: the holes are valid. Without it there are none, whatever the words contain.
const VALID: u32 = 2;
/// Attempts to advance `next`. The lock keeps all others away except segments that are in order.
const ADVANCE_ATTEMPTS: u32 = 4;

/// A range of sequence numbers, up to but not including `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Range {
    start: u32,
    end: u32,
}

impl Range {
    #[inline(always)]
    const fn length(self) -> u32 {
        self.end.wrapping_sub(self.start)
    }

    #[inline(always)]
    const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the part before `end`.
    #[inline(always)]
    const fn until(self, end: u32) -> Self {
        if before(self.end, end) {
            self
        } else if before(self.start, end) {
            Self { start: self.start, end }
        } else {
            Self { start: self.start, end: self.start }
        }
    }

    /// Returns the part from `start` on.
    #[inline(always)]
    const fn from(self, start: u32) -> Self {
        if before(start, self.start) {
            self
        } else if before(start, self.end) {
            Self { start, end: self.end }
        } else {
            Self { start: self.end, end: self.end }
        }
    }

    /// Returns the part that a segment of the present window can lie in.
    #[inline(always)]
    const fn within_reach(self, next: u32) -> Self {
        let oldest = next.wrapping_sub(REACH);
        if next.wrapping_sub(self.end) >= REACH {
            Self { start: oldest, end: oldest }
        } else if next.wrapping_sub(self.start) > REACH {
            Self { start: oldest, end: self.end }
        } else {
            self
        }
    }
}

/// The holes, in the order of their sequence numbers. Those that are not used come first, and are empty.
#[derive(Clone, Copy, Debug, Default)]
struct Holes([Range; HOLES]);

impl Holes {
    /// Adds a hole above all others. If there is no room, the two lowest become one.
    #[inline(always)]
    fn push(&mut self, hole: Range) {
        if hole.is_empty() {
            return;
        }
        let [first, second, third] = self.0;
        let second = if first.is_empty() { second } else { Range { start: first.start, end: second.end } };
        self.0 = [second, third, hole];
    }

    /// Returns the holes without `passed`, and the number of bytes that were taken out.
    #[inline(always)]
    fn filled(self, passed: Range, next: u32) -> (Self, u32) {
        let mut left = Self::default();
        // Not a loop: its iterator would be in memory, and the holes with it.
        let [first, second, third] = self.0;
        let filled = left.push_without(first.within_reach(next), passed)
            + left.push_without(second.within_reach(next), passed)
            + left.push_without(third.within_reach(next), passed);
        (left, filled)
    }

    /// Adds what is left of a hole, and returns how many bytes were taken out.
    #[inline(always)]
    fn push_without(&mut self, hole: Range, passed: Range) -> u32 {
        let (below, above) = (hole.until(passed.start), hole.from(passed.end));
        self.push(below);
        self.push(above);
        hole.length().wrapping_sub(below.length()).wrapping_sub(above.length())
    }
}

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
        let mut holes = if lock & VALID == 0 { Holes::default() } else { self.load() };
        let passed = self.place(&mut holes, Range { start: seq, end });
        self.store(holes);
        self.words.compare_exchange_u32(self.lock, lock | HELD, VALID);
        passed
    }

    #[inline(always)]
    fn place(&self, holes: &mut Holes, segment: Range) -> Passed {
        if self.words.load_u32(self.state) & self.known == 0 {
            self.begin(holes, segment);
            return Passed::at(Place::First);
        }
        let Some(next) = self.advance(segment) else {
            return Passed::at(Place::Unknown);
        };
        if is_far(next, segment.start) {
            self.begin(holes, segment);
            Passed::at(Place::First)
        } else if before(next, segment.start) {
            holes.push(Range { start: next, end: segment.start });
            Passed::at(Place::Gap)
        } else {
            let old = segment.until(next);
            let (left, late) = holes.filled(old, next);
            *holes = left;
            let place = if before(next, segment.end) { Place::Next } else { Place::Old };
            Passed { place, repeated: old.length().wrapping_sub(late), late }
        }
    }

    /// Begins with a segment. Nothing is known about what precedes it, so all of that is a hole.
    #[inline(always)]
    fn begin(&self, holes: &mut Holes, segment: Range) {
        *holes = Holes::default();
        holes.push(Range { start: segment.start.wrapping_sub(REACH), end: segment.start });
        self.words.store_u32(self.next, segment.end);
        change(self.state, self.known, 0, self.words);
    }

    /// Advances `next` to the end of a segment, unless that is far away. Returns the previous value. Returns `None` if
    /// other CPUs advance it all the time.
    #[inline(always)]
    fn advance(&self, segment: Range) -> Option<u32> {
        for _ in 0..ADVANCE_ATTEMPTS {
            let next = self.words.load_u32(self.next);
            let stays = is_far(next, segment.start) || !before(next, segment.end);
            if stays || self.words.compare_exchange_u32(self.next, next, segment.end) {
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

    #[inline(always)]
    fn load(&self) -> Holes {
        let hole = |[start, end]: &[Half; 2]| Range {
            start: self.words.load_u32(start),
            end: self.words.load_u32(end),
        };
        let [first, second, third] = self.holes;
        Holes([hole(first), hole(second), hole(third)])
    }

    #[inline(always)]
    fn store(&self, holes: Holes) {
        let store = |[start, end]: &[Half; 2], hole: Range| {
            self.words.store_u32(start, hole.start);
            self.words.store_u32(end, hole.end);
        };
        let ([a, b, c], Holes([first, second, third])) = (self.holes, holes);
        store(a, first);
        store(b, second);
        store(c, third);
    }
}

/// Attempts to change a word of bits. They change rarely, so two CPUs seldom meet.
const CHANGE_ATTEMPTS: u32 = 8;

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
