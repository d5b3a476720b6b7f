//! What an agent has to know of its predecessor, kept in maps that are pinned beside the counters: what the
//! programs were set up with, which endpoint is in which slot, and what was worked out of the counters.
//!
//! The programs never look at it. It lies in maps because these live exactly as long as what they speak of, and
//! because one update of a map is never half done, whenever the agent is killed.

use crate::{
    epoch::{ANSWER_EPOCHS, LOSS_EPOCHS},
    indexed::indexed,
};

/// What the programs were set up with: others that share their tables must be set up alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    /// What conversations are hashed with.
    pub hash_key: u64,
    /// The cookie of the namespace that the agent calls root.
    pub root_cookie: u64,
    /// Sets of connections, a power of two.
    pub flow_sets: u32,
    /// Sets of requests, a power of two.
    pub request_sets: u32,
    /// Whether conversations are followed.
    pub followed: u32,
    /// Whether programs are attached as filters on a clsact qdisc, and not by TCX links.
    pub clsact: u32,
}

/// Both ends of the link have programs on all hooks: what is counted there counts.
pub const END_COMPLETE: u32 = 1;
/// Departures are stamped here.
pub const END_STAMPS: u32 = 1 << 1;
/// The other end stamps its departures.
pub const END_PEER_STAMPS: u32 = 1 << 2;
/// The programs were taken off for a while.
pub const END_PAUSED: u32 = 1 << 3;
/// The clsact qdisc was made for the programs.
pub const END_MADE_QDISC: u32 = 1 << 4;

/// The endpoint in a slot. Its name is whatever the lab calls it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct EndRecord {
    /// Its namespace (`SO_NETNS_COOKIE`).
    pub cookie: u64,
    /// Its number there.
    pub ifindex: u32,
    /// The slot of the other end of its link.
    pub peer: u32,
    /// The kernel's ids of the programs on its hooks, ingress first.
    pub programs: [u32; 2],
    /// [`END_COMPLETE`] and so on.
    pub flags: u32,
    /// Always 0.
    pub padding: u32,
    /// How often the programs were taken off.
    pub pauses: u64,
    /// What left here and did not arrive at the other end.
    pub lost: Known<LOSS_EPOCHS>,
    /// Echo requests that passed here and were not answered.
    pub unanswered: Known<ANSWER_EPOCHS>,
}

/// What is known of closed epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Known<const SLOTS: usize> {
    /// By slot.
    pub slots: [i64; SLOTS],
    /// The highest sum that was ever shown.
    pub highest: u64,
}

impl<const SLOTS: usize> Known<SLOTS> {
    /// Nothing is known.
    pub const NOTHING: Self = Self { slots: [0; SLOTS], highest: 0 };
}

/// Bytes of an [`AuditRecord`]'s text: with the kernel's own head, an entry takes no more than 2 KiB.
pub const AUDIT_BYTES: usize = 1_980;

/// The accounts of the endpoint in a slot, as text: JSON, which only the agent reads.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct AuditRecord {
    /// Bytes of the text.
    pub length: u32,
    /// The text; what is behind it means nothing.
    pub text: [u8; AUDIT_BYTES],
}

indexed! {
    /// What the agent counts itself, by index into the map `TALLIES`.
    pub enum Tally;
    /// How many there are.
    pub const TALLIES;
    /// Somebody ran before us.
    Overtaken,
    /// A reading of the maps failed.
    ReadErrors,
    /// The order of programs could not be told.
    OrderErrors,
    /// An audit failed.
    AuditErrors,
    /// Runs of ingress dispatchers that are gone.
    GoneIngressRuns,
    /// What these runs took, nanoseconds.
    GoneIngressNs,
    /// Runs of egress dispatchers that are gone.
    GoneEgressRuns,
    /// What these runs took, nanoseconds.
    GoneEgressNs,
}

const _: () = {
    assert!(size_of::<Settings>() == 32);
    assert!(size_of::<EndRecord>() == 40 + 8 * (LOSS_EPOCHS + 1) + 8 * (ANSWER_EPOCHS + 1));
    assert!(size_of::<AuditRecord>() == 4 + AUDIT_BYTES);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads and writes these types in maps as bytes")]

    // SAFETY: repr(C) of integers and arrays of them, without padding (the sizes are asserted above): any bytes
    // are a value.
    unsafe impl aya::Pod for super::Settings {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::EndRecord {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::AuditRecord {}
}
