//! Departures that wait for their arrival, by the address of the packet's `sk_buff`.
//!
//! A veth hands the very `sk_buff` to its peer, and an address belongs to one packet at a time. So the address, with the
//! endpoint that the packet left from, joins both ends. An entry that no arrival has taken (the packet was dropped, or
//! merged with another) is replaced when its address leaves again, or else when its set is full and it is the oldest.
//! An arrival without an entry has no latency; it is counted, and nothing is derived from it.
//!
//! Entries are shared by all CPUs, because a packet may arrive on another one than it left on.

use core::sync::atomic::AtomicU64;

use crate::tag::SharedWords;

/// Entries of a set.
pub const DEPARTURE_WAYS: usize = 4;

/// Number of low bits of a tag that hold the endpoint.
const ENDPOINT_BITS: u32 = 16;

/// A departure.
#[derive(Debug, Default)]
#[repr(C)]
struct Entry {
    /// Which packet it is ([`departure_tag`]); 0 if the entry is free.
    tag: AtomicU64,
    /// When it was given to the queue, monotonic nanoseconds.
    queued_ns: AtomicU64,
    /// When it was given to the driver; 0 while it is in the queue.
    sent_ns: AtomicU64,
    /// Padding to half a cache line.
    reserved: u64,
}

/// Departures whose hashes are the same in the bits that choose the set.
#[derive(Debug, Default)]
#[repr(C)]
pub struct DepartureSet {
    entries: [Entry; DEPARTURE_WAYS],
}

/// When a packet departed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departed {
    /// When it was given to the queue, monotonic nanoseconds.
    pub queued_ns: u64,
    /// When it was given to the driver.
    pub sent_ns: u64,
}

/// Returns what identifies a packet under way: the address of its `sk_buff`, of which all bits but the 48 lowest are the
/// same for every packet, and the endpoint that it left from.
#[inline(always)]
#[must_use]
pub const fn departure_tag(address: u64, endpoint: u32) -> u64 {
    address << ENDPOINT_BITS | (endpoint as u64 & ((1 << ENDPOINT_BITS) - 1))
}

/// Returns the hash that chooses the set of a packet. Packets are allocated side by side, at multiples of their size.
#[inline(always)]
#[must_use]
pub const fn departure_hash(address: u64) -> u32 {
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32
}

impl DepartureSet {
    /// Enters a packet that is given to the queue.
    #[inline(always)]
    pub fn queue(&self, tag: u64, now_ns: u64, words: impl SharedWords) {
        Self::enter(self.place_for(tag, words), tag, Departed { queued_ns: now_ns, sent_ns: 0 }, words);
    }

    /// Enters that a packet is given to the driver. Returns when it was given to the queue; `None` if it was in none, or
    /// that was not seen.
    #[inline(always)]
    pub fn send(&self, tag: u64, now_ns: u64, words: impl SharedWords) -> Option<u64> {
        match self.find(tag, words) {
            Some(entry) if words.load(&entry.sent_ns) == 0 => {
                words.store(&entry.sent_ns, now_ns);
                Some(words.load(&entry.queued_ns))
            }
            found => {
                let place = found.or_else(|| self.place_for(tag, words));
                Self::enter(place, tag, Departed { queued_ns: now_ns, sent_ns: now_ns }, words);
                None
            }
        }
    }

    /// Takes out the departure of a packet that has arrived. `None` if it was not sent, or its entry was replaced.
    #[inline(always)]
    pub fn arrive(&self, tag: u64, words: impl SharedWords) -> Option<Departed> {
        let entry = self.find(tag, words)?;
        let departed =
            Departed { queued_ns: words.load(&entry.queued_ns), sent_ns: words.load(&entry.sent_ns) };
        words.store(&entry.tag, 0);
        (departed.sent_ns != 0).then_some(departed)
    }

    #[inline(always)]
    fn find(&self, tag: u64, words: impl SharedWords) -> Option<&Entry> {
        self.entries.iter().find(|entry| words.load(&entry.tag) == tag)
    }

    /// Returns the entry to write to: that of the same packet, a free one, or else the oldest.
    #[inline(always)]
    fn place_for(&self, tag: u64, words: impl SharedWords) -> Option<&Entry> {
        let (mut place, mut oldest_ns) = (None, u64::MAX);
        for entry in &self.entries {
            let held = words.load(&entry.tag);
            if held == tag {
                return Some(entry);
            }
            let at_ns = if held == 0 { 0 } else { words.load(&entry.queued_ns) };
            if at_ns < oldest_ns {
                (place, oldest_ns) = (Some(entry), at_ns);
            }
        }
        place
    }

    /// Writes an entry. Two CPUs that write the same one at once may mix two departures of the same moment; the tag is
    /// written last, so nothing older is found under it.
    #[inline(always)]
    fn enter(place: Option<&Entry>, tag: u64, departed: Departed, words: impl SharedWords) {
        let Some(entry) = place else { return };
        words.store(&entry.tag, 0);
        words.store(&entry.queued_ns, departed.queued_ns);
        words.store(&entry.sent_ns, departed.sent_ns);
        words.store(&entry.tag, tag);
    }
}

const _: () = assert!(size_of::<DepartureSet>() == 128);
