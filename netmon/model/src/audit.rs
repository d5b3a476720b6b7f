//! What explains a difference between netmon's count of packets at a hook and the kernel's.

/// A cause, which is the metric's label. What it explains is signed: above zero are packets that passed the
/// hook and that the kernel did not count as sent or received; below zero those that the kernel counted more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Counted by the kernel before the hook was watched. Below zero.
    BeforeAttach,
    /// Counted by the kernel while our programs were off the hook for a comparison. Below zero.
    Unwatched,
    /// Segments that super-packets were cut into behind the hook, beyond one each. Below zero.
    Segmented,
    /// Packets that were merged into super-packets before they reached the hook (GRO). Below zero.
    Merged,
    /// Dropped at the egress hook, by a program behind netmon's.
    TcEgress,
    /// Dropped by the root qdisc.
    QdiscDrops,
    /// Waiting in the root qdisc.
    Queued,
    /// Waited in a root qdisc that was replaced, or emptied because the carrier was lost: the kernel does not
    /// count these, so it is what is left over at such a moment.
    QueueEmptied,
    /// Dropped by the interface, mostly since its peer is down.
    TxDropped,
}

/// How many causes there are.
pub const CAUSES: usize = 9;

impl Cause {
    /// Every cause, in the order in which they are shown.
    pub const ALL: [Self; CAUSES] = [
        Self::BeforeAttach,
        Self::Unwatched,
        Self::Segmented,
        Self::Merged,
        Self::TcEgress,
        Self::QdiscDrops,
        Self::Queued,
        Self::QueueEmptied,
        Self::TxDropped,
    ];

    /// The label's value.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::BeforeAttach => "before_attach",
            Self::Unwatched => "unwatched",
            Self::Segmented => "segmented",
            Self::Merged => "merged",
            Self::TcEgress => "tc_egress",
            Self::QdiscDrops => "qdisc_drops",
            Self::Queued => "queued",
            Self::QueueEmptied => "queue_emptied",
            Self::TxDropped => "tx_dropped",
        }
    }
}
