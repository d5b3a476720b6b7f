//! One direction of a link: latency, losses, and what is imposed on it.

use crate::{histogram::Histogram, impairment::Impairment};

/// One direction of a link: from egress at one end to ingress at the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionSnapshot {
    /// One-way latency. `None` if the kernel cannot stamp packets.
    pub latency: Option<Histogram>,
    /// The two parts of the latency. `None` if programs at hooks measure it, which see only the whole.
    pub parts: Option<LatencyParts>,
    /// Segments that left and did not arrive. `None` if the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
    /// The impairment that netmon imposes on this direction. `None` if there is none.
    pub impairment: Option<ImpairmentStats>,
}

/// The two parts of the latency of packets from one end of a link to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyParts {
    /// The time in the queue of the interface that they left through.
    pub queue: Histogram,
    /// The time from its driver to their arrival.
    pub crossing: Histogram,
}

/// An impairment, and the traffic since it was imposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpairmentStats {
    /// The declared amounts.
    pub impairment: Impairment,
    /// Segments that have left since.
    pub sent_segments: u64,
    /// Segments that have left since and did not arrive. `None` if the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
}
