//! The holes below the end of what has passed.
//!
//! The verifier follows every branch by itself, and a dozen comparisons for each of three holes would take it minutes. So
//! there are none: the smaller of two numbers is computed, and so is the choice between two holes. A hole is one word,
//! because ten registers and a small stack have to do.

use super::track::{Half, SharedHalfWords};

/// Holes of one direction.
pub const HOLES: usize = 3;
/// The largest distance between sequence numbers of one window (RFC 7323, 2.3). What is further away is no hole.
pub(super) const REACH: u32 = 1 << 30;

/// The low half of a word.
const LOW: u64 = u32::MAX as u64;

/// A range of sequence numbers, as distances below a base: from the one in the high half, up to but not including the
/// one in the low half.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hole(u64);

impl Hole {
    /// Returns the range from one distance up to another, which is not larger.
    #[inline(always)]
    pub(super) const fn between(far: u64, near: u64) -> Self {
        Self(far << 32 | near)
    }

    #[inline(always)]
    fn load([start, end]: &[Half; 2], base: u32, words: impl SharedHalfWords) -> Self {
        let distance =
            |word: &Half| lesser(base.wrapping_sub(words.load_u32(word)).into(), REACH.into(), words);
        let near = distance(end);
        Self::between(greater(distance(start), near, words), near)
    }

    #[inline(always)]
    fn store(self, [start, end]: &[Half; 2], base: u32, words: impl SharedHalfWords) {
        words.store_u32(start, base.wrapping_sub((self.0 >> 32) as u32));
        words.store_u32(end, base.wrapping_sub(self.0 as u32));
    }

    #[inline(always)]
    const fn length(self) -> u64 {
        (self.0 >> 32).wrapping_sub(self.0 & LOW)
    }

    /// Returns this hole if the mask is set, and `other` if it is 0.
    #[inline(always)]
    const fn or(self, mask: u64, other: Self) -> Self {
        Self(other.0 ^ ((self.0 ^ other.0) & mask))
    }
}

/// The holes, in the order of their sequence numbers. Those that are not used come first, and are empty.
#[derive(Clone, Copy, Debug)]
struct Holes<S> {
    holes: [Hole; HOLES],
    words: S,
}

impl<S: SharedHalfWords> Holes<S> {
    #[inline(always)]
    fn none(words: S) -> Self {
        Self { holes: [Hole::default(); HOLES], words }
    }

    #[inline(always)]
    fn store(self, [a, b, c]: &[[Half; 2]; HOLES], base: u32) {
        let [first, second, third] = self.holes;
        first.store(a, base, self.words);
        second.store(b, base, self.words);
        third.store(c, base, self.words);
    }

    /// Adds a hole above all others, unless it is empty. If there is no room, the two lowest become one.
    #[inline(always)]
    fn push(&mut self, hole: Hole) {
        let [first, second, third] = self.holes;
        let merged = Hole(first.0 & !LOW | second.0 & LOW).or(positive(first.length(), self.words), second);
        let added = positive(hole.length(), self.words);
        self.holes = [merged.or(added, first), third.or(added, second), hole.or(added, third)];
    }

    /// Adds what is left of a hole without a range. Returns how many bytes are not.
    #[inline(always)]
    fn push_without(&mut self, hole: Hole, far: u64, near: u64) -> u64 {
        let (words, length) = (self.words, hole.length());
        let (start, end) = (hole.0 >> 32, hole.0 & LOW);
        let below = Hole::between(greater(start, far, words), greater(end, far, words));
        self.push(below);
        let above = Hole::between(lesser(start, near, words), lesser(end, near, words));
        self.push(above);
        length - below.length() - above.length()
    }
}

/// Removes all holes, and adds one that has the base above it.
#[inline(always)]
pub(super) fn reset(holes: &[[Half; 2]; HOLES], hole: Hole, base: u32, words: impl SharedHalfWords) {
    let mut only = Holes::none(words);
    only.push(hole);
    only.store(holes, base);
}

/// Takes a range out of the holes, and adds `added` above them. Returns how many bytes of the range were in a hole.
///
/// All are distances below `base`.
#[inline(never)]
pub(super) fn fill(
    holes: &[[Half; 2]; HOLES],
    base: u32,
    range: Hole,
    added: Hole,
    words: impl SharedHalfWords,
) -> u64 {
    let (far, near) = (range.0 >> 32, range.0 & LOW);
    let mut left = Holes::none(words);
    let [first, second, third] = holes;
    let mut taken = left.push_without(Hole::load(first, base, words), far, near);
    taken += left.push_without(Hole::load(second, base, words), far, near);
    taken += left.push_without(Hole::load(third, base, words), far, near);
    left.push(added);
    left.store(holes, base);
    taken
}

/// Returns the smaller of two numbers of 32 bits.
#[inline(always)]
pub(super) fn lesser(a: u64, b: u64, words: impl SharedHalfWords) -> u64 {
    let difference = a.wrapping_sub(b);
    // The compiler would make a branch of a mask that it knows.
    b.wrapping_add(difference & words.opaque((difference as i64 >> 63) as u64))
}

/// Returns the larger of two numbers of 32 bits.
#[inline(always)]
pub(super) fn greater(a: u64, b: u64, words: impl SharedHalfWords) -> u64 {
    a + b - lesser(a, b, words)
}

/// Returns the mask that is set if a number is above 0.
#[inline(always)]
fn positive(number: u64, words: impl SharedHalfWords) -> u64 {
    // The compiler would make a branch of the sign of a difference that it knows, too.
    let number = words.opaque(number);
    words.opaque(((number as i64).wrapping_neg() >> 63) as u64)
}
