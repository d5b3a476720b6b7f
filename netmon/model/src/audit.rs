//! The causes of a difference between netmon's count of packets at a hook and the kernel's.

/// A cause, which is the metric's label. Its count is signed. Positive: packets that passed the hook and that the kernel
/// did not count as sent or received. Negative: packets that the kernel counted in addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Counted by the kernel before the hook was watched. Negative.
    BeforeAttach,
    /// Counted by the kernel while netmon's programs were detached for a comparison. Negative.
    Unwatched,
    /// Segments that super-packets were cut into behind the hook, beyond one each. Negative.
    Segmented,
    /// Packets that were merged into super-packets before they reached the hook (GRO). Negative.
    Merged,
    /// Arrived while an XDP program was attached, and did not reach the hook: the program dropped, redirected or returned
    /// them. Negative.
    Xdp,
    /// Dropped at the ingress hook, by a program before netmon's. Negative.
    TcIngress,
    /// Dropped at the egress hook, by a program behind netmon's.
    TcEgress,
    /// Dropped by the root qdisc.
    QdiscDrops,
    /// Waiting in the root qdisc.
    Queued,
    /// Waiting in a root qdisc when it was replaced, or emptied because the carrier was lost. The kernel does not count
    /// these, so the remaining difference at such a moment is taken.
    QueueEmptied,
    /// Dropped by the interface, mostly because its peer is down.
    TxDropped,
}

/// The number of causes.
pub const CAUSES: usize = 11;

impl Cause {
    /// Every cause, in display order.
    pub const ALL: [Self; CAUSES] = [
        Self::BeforeAttach,
        Self::Unwatched,
        Self::Segmented,
        Self::Merged,
        Self::Xdp,
        Self::TcIngress,
        Self::TcEgress,
        Self::QdiscDrops,
        Self::Queued,
        Self::QueueEmptied,
        Self::TxDropped,
    ];

    /// Returns the label's value.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::BeforeAttach => "before_attach",
            Self::Unwatched => "unwatched",
            Self::Segmented => "segmented",
            Self::Merged => "merged",
            Self::Xdp => "xdp",
            Self::TcIngress => "tc_ingress",
            Self::TcEgress => "tc_egress",
            Self::QdiscDrops => "qdisc_drops",
            Self::Queued => "queued",
            Self::QueueEmptied => "queue_emptied",
            Self::TxDropped => "tx_dropped",
        }
    }
}
