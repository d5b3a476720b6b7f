//! Tags: how a conversation is recognised in tables that are searched without comparing keys.
//!
//! A tag is the 47 highest bits of a keyed hash and, exactly, the endpoint that sees the conversation; the
//! lowest bits of the hash choose the set of the table. Two conversations of one endpoint are taken for one
//! another when some 60 bits agree, of a hash whose key is drawn anew each time the tables are made.

use core::sync::atomic::AtomicU64;

/// How words are touched that several CPUs share: the eBPF target has the instructions, but `core` has no
/// name for them there.
pub trait SharedWords: Copy {
    /// What is in `word`.
    fn load(self, word: &AtomicU64) -> u64;
    /// Puts `new` into `word`.
    fn store(self, word: &AtomicU64, new: u64);
    /// Puts `new` into `word` if `old` is there, and says whether it was: this is how a place of a table
    /// changes hands.
    fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool;
}

/// Bits of a tag that hold the endpoint ([`crate::abi::MAX_CHUNKS`] of [`crate::abi::CHUNK_ENDPOINTS`]).
const ENDPOINT_BITS: u32 = 16;
/// Set in every tag, so that none is 0, which is an empty place, or 1, which is one that is being written.
const PRESENT: u64 = 1 << 63;
/// The bit of a tag that the caller may use.
const MARK: u64 = 1 << ENDPOINT_BITS;

/// What a conversation is hashed from, word by word.
#[derive(Clone, Copy, Debug)]
pub struct Mixer(u64);

impl Mixer {
    /// Begins with the key. `kind` tells conversations apart whose words are the same.
    #[inline(always)]
    #[must_use]
    pub const fn new(key: u64, kind: u64) -> Self {
        Self(key.wrapping_add(kind.wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }

    /// Takes one word in. Each is multiplied by an odd number, which loses nothing, and folded, since a
    /// product's low bits know nothing of the high bits of what was multiplied.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, word: u64) -> Self {
        let product = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(product ^ (product >> 32))
    }

    /// The hash.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self) -> u64 {
        let product = self.0.wrapping_mul(0xd6e8_feb8_6659_fd93);
        product ^ (product >> 29)
    }
}

/// The tag of a conversation with this hash at an endpoint.
#[inline(always)]
#[must_use]
pub const fn tag(hash: u64, endpoint: u32, marked: bool) -> u64 {
    let mark = if marked { MARK } else { 0 };
    (hash & !(MARK | (MARK - 1))) | PRESENT | mark | (endpoint as u64 & (MARK - 1))
}

/// The endpoint of a tag.
#[inline(always)]
#[must_use]
pub const fn endpoint_of(tag: u64) -> u32 {
    (tag & (MARK - 1)) as u32
}

/// Whether it was made as a marked one.
#[inline(always)]
#[must_use]
pub const fn is_marked(tag: u64) -> bool {
    tag & MARK != 0
}

/// Whether a word of a table is a tag at all.
#[inline(always)]
#[must_use]
pub const fn is_present(word: u64) -> bool {
    word & PRESENT != 0
}
