//! Tags: how a conversation is recognized in tables that are searched without comparing keys.
//!
//! A tag consists of the 47 highest bits of a keyed hash, and of the endpoint that sees the conversation. The lowest
//! bits of the hash choose the set of the table. Two conversations of one endpoint are confused if about 60 bits of
//! their hashes agree. The key of the hash is drawn at random each time the tables are created.

use core::sync::atomic::AtomicU64;

/// Access to words that several CPUs share. The eBPF target has the instructions, but `core` has no functions for
/// them there.
pub trait SharedWords: Copy {
    /// Returns the value of `word`.
    fn load(self, word: &AtomicU64) -> u64;
    /// Sets `word` to `new`.
    fn store(self, word: &AtomicU64, new: u64);
    /// Sets `word` to `new` if its value is `old`, and returns whether it was. By this, a place of a table changes
    /// hands.
    fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool;
    /// Returns `number` in a way that the verifier cannot follow ([`crate::parse::Packet::obscured`]). `unknown` is any
    /// number that it does not know.
    fn obscured(self, number: u64, unknown: u64) -> u64 {
        let _ = unknown;
        number
    }
}

/// Number of bits of a tag that hold the endpoint ([`crate::abi::MAX_CHUNKS`] of [`crate::abi::CHUNK_ENDPOINTS`]).
const ENDPOINT_BITS: u32 = 16;
/// Set in every tag, so that no tag is 0, which means an empty place, or 1, which means a place that is being written.
const PRESENT: u64 = 1 << 63;
/// The bit of a tag that is free for the caller.
const MARK: u64 = 1 << ENDPOINT_BITS;

/// The hash of a conversation, computed word by word.
#[derive(Clone, Copy, Debug)]
pub struct Mixer(u64);

impl Mixer {
    /// Begins a hash with the key. `kind` distinguishes conversations that consist of the same words.
    #[inline(always)]
    #[must_use]
    pub const fn new(key: u64, kind: u64) -> Self {
        Self(key.wrapping_add(kind.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    /// Adds one word. It is multiplied by an odd number, which loses nothing, and folded, because the low bits of a
    /// product do not depend on the high bits of its factors.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, word: u64) -> Self {
        let product = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(product ^ (product >> 32))
    }

    /// Returns the hash.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self) -> u64 {
        let product = self.0.wrapping_mul(0xd6e8_feb8_6659_fd93);
        product ^ (product >> 29)
    }
}

/// Returns the tag of the conversation with this hash at an endpoint.
#[inline(always)]
#[must_use]
pub const fn tag(hash: u64, endpoint: u32, marked: bool) -> u64 {
    let mark = if marked { MARK } else { 0 };
    (hash & !(MARK | (MARK - 1))) | PRESENT | mark | (endpoint as u64 & (MARK - 1))
}

/// Returns the endpoint of a tag.
#[inline(always)]
#[must_use]
pub const fn endpoint_of(tag: u64) -> u32 {
    (tag & (MARK - 1)) as u32
}

/// Returns whether the tag was created as a marked one.
#[inline(always)]
#[must_use]
pub const fn is_marked(tag: u64) -> bool {
    tag & MARK != 0
}

/// Returns whether two tags differ in nothing but the endpoint.
#[inline(always)]
#[must_use]
pub const fn is_same_conversation(one: u64, other: u64) -> bool {
    (one ^ other) >> ENDPOINT_BITS == 0
}

/// Returns whether a word of a table is a tag.
#[inline(always)]
#[must_use]
pub const fn is_present(word: u64) -> bool {
    word & PRESENT != 0
}
