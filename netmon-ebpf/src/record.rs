//! State handed to the next agent through pinned maps: program settings, slot assignments and totals derived from
//! the counters.
//!
//! The programs never read it. It is kept in maps because they exist exactly as long as the counters that it
//! describes, and because an update of a map entry is atomic: an agent that is killed leaves no half of one.

use crate::{
    epoch::{ANSWER_EPOCHS, LOSS_EPOCHS},
    indexed::indexed,
};

/// The settings of the programs. All programs that share the tables must have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    /// The key with which conversations are hashed.
    pub hash_key: u64,
    /// The cookie of the network namespace that the agent calls root.
    pub root_cookie: u64,
    /// Number of sets of connections, a power of two.
    pub flow_sets: u32,
    /// Number of sets of requests, a power of two.
    pub request_sets: u32,
    /// Whether conversations are followed.
    pub followed: u32,
    /// Whether programs are attached as filters on a clsact qdisc instead of through TCX links.
    pub clsact: u32,
    /// Number of sets of conversations over UDP, a power of two.
    pub udp_sets: u32,
    /// Whether conversations over UDP are followed.
    pub udp_followed: u32,
}

/// Both ends of the link have programs on all hooks, so their counts can be compared.
pub const END_COMPLETE: u32 = 1;
/// Departures are stamped here.
pub const END_STAMPS: u32 = 1 << 1;
/// The other end stamps its departures.
pub const END_PEER_STAMPS: u32 = 1 << 2;
/// The programs are detached for a while.
pub const END_PAUSED: u32 = 1 << 3;
/// netmon created the clsact qdisc for its programs.
pub const END_MADE_QDISC: u32 = 1 << 4;

/// The endpoint in a slot. It has no name here: the lab names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct EndRecord {
    /// The cookie of its network namespace (`SO_NETNS_COOKIE`).
    pub cookie: u64,
    /// Its index in that namespace.
    pub ifindex: u32,
    /// The slot of the other end of its link.
    pub peer: u32,
    /// The kernel's ids of the programs on its hooks, ingress first.
    pub programs: [u32; 2],
    /// `END_*` bits.
    pub flags: u32,
    /// Always 0.
    pub padding: u32,
    /// How many times the programs were detached.
    pub pauses: u64,
    /// Segments that left here and did not arrive at the other end.
    pub lost: Known<LOSS_EPOCHS>,
    /// Echo requests that passed here and were not answered.
    pub echoes_unanswered: Known<ANSWER_EPOCHS>,
    /// DNS queries that passed here and were not answered.
    pub dns_unanswered: Known<ANSWER_EPOCHS>,
}

/// The difference between two counts that are kept by epoch, as far as the epochs are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Known<const SLOTS: usize> {
    /// The difference by slot.
    pub slots: [i64; SLOTS],
    /// The highest sum of the slots that was ever exported, because a counter must not fall.
    pub highest: u64,
}

impl<const SLOTS: usize> Known<SLOTS> {
    /// The state before any epoch is closed.
    pub const NOTHING: Self = Self { slots: [0; SLOTS], highest: 0 };
}

/// Size of an [`AuditRecord`]'s text, in bytes. With the kernel's own header, an entry takes at most 2 KiB.
pub const AUDIT_BYTES: usize = 1_980;

/// The audit state of the endpoint in a slot, as JSON. Only the agent reads it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct AuditRecord {
    /// Length of the text, in bytes.
    pub length: u32,
    /// The text. The bytes after it are meaningless.
    pub text: [u8; AUDIT_BYTES],
}

indexed! {
    /// What the agent itself counts. The discriminant is the index into the map `TALLIES`.
    pub enum Tally;
    /// Number of tallies.
    pub const TALLIES;
    /// Another program was found before netmon's on a hook.
    Overtaken,
    /// Reading the maps failed.
    ReadErrors,
    /// The order of the programs on a hook could not be read.
    OrderErrors,
    /// An audit failed.
    AuditErrors,
    /// Runs of ingress dispatchers that no longer exist.
    GoneIngressRuns,
    /// The run time of those ingress dispatchers, nanoseconds.
    GoneIngressNs,
    /// Runs of egress dispatchers that no longer exist.
    GoneEgressRuns,
    /// The run time of those egress dispatchers, nanoseconds.
    GoneEgressNs,
}

const _: () = {
    assert!(size_of::<Settings>() == 40);
    assert!(size_of::<EndRecord>() == 40 + 8 * (LOSS_EPOCHS + 1) + 2 * 8 * (ANSWER_EPOCHS + 1));
    assert!(size_of::<AuditRecord>() == 4 + AUDIT_BYTES);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads and writes these types in maps as bytes")]

    // SAFETY: repr(C) of integers and arrays of them, without padding (the sizes are asserted above), so any bytes
    // are a value.
    unsafe impl aya::Pod for super::Settings {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::EndRecord {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::AuditRecord {}
}
