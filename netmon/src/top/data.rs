//! What the stream says, as plain data: the topology, and frames of what passed in one second.
//!
//! A frame holds only what is drawn. `top` keeps up to two minutes of frames for every link, so they are small.

use netmon_model::{
    by::Ends,
    drift::Drift,
    names::{EndName, LinkName, NsName, Side},
};

use crate::api::Amounts;

/// The topology that frames refer to by position.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Topology {
    /// When the agent started, milliseconds since 1970. Another value is another agent.
    pub(crate) started_at_ms: u64,
    /// Name and file of the lab. `None` if the agent has none.
    pub(crate) lab: Option<(String, String)>,
    /// All namespaces.
    pub(crate) namespaces: Vec<Namespace>,
    /// All links.
    pub(crate) links: Vec<Link>,
    /// All probes.
    pub(crate) probes: Vec<Probe>,
    /// The number of interfaces of the host that are not watched. `None` if the agent does not discover links.
    pub(crate) not_watched: Option<usize>,
}

/// A namespace and what is in it besides ends of links.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Namespace {
    /// Its name.
    pub(crate) name: NsName,
    /// Its bridges.
    pub(crate) bridges: Vec<String>,
    /// Its services.
    pub(crate) services: Vec<String>,
}

/// A link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    /// Its name.
    pub(crate) name: LinkName,
    /// Its ends. `None` while the peer of the first is not known.
    pub(crate) ends: Ends<Option<End>>,
    /// The declared impairment, by the end that packets leave. `None` if there is none.
    pub(crate) impairments: Ends<Option<Amounts>>,
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    /// The namespace that it is in.
    pub(crate) namespace: NsName,
    /// The interface.
    pub(crate) interface: EndName,
    /// Its addresses, with prefixes.
    pub(crate) addresses: Vec<String>,
    /// Whether it exists and is up.
    pub(crate) is_up: bool,
    /// Whether programs are attached to both hooks.
    pub(crate) is_watched: bool,
    /// How it differs from the lab.
    pub(crate) drift: Vec<Drift>,
}

/// A probe and its last result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// The namespace that it is sent from.
    pub(crate) from: NsName,
    /// `icmp`, `tcp`, `http` or `dns`.
    pub(crate) kind: String,
    /// Its name, or else its target.
    pub(crate) name: String,
    /// The address or URL that it attempts.
    pub(crate) target: String,
    /// Time from one attempt to the next.
    pub(crate) interval_ns: u64,
    /// Whether the last attempt succeeded. `None` before the first that counts.
    pub(crate) success: Option<bool>,
    /// Why the last attempt failed, if it did.
    pub(crate) error: Option<String>,
}

/// What passed in a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    /// The end of the time, milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Its length.
    pub(crate) window_ms: f64,
    /// What passed each link of the topology. `None` if it was not known then.
    pub(crate) links: Vec<Option<LinkFrame>>,
    /// Each probe of the topology; empty in history.
    pub(crate) probes: Vec<ProbeFrame>,
}

/// What passed a link.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LinkFrame {
    /// By the end that packets left. `None` while the peer is not known.
    pub(crate) passed: Ends<Option<Pass>>,
    /// What each end saw. `None` while it is not known.
    pub(crate) ends: Ends<Option<EndFrame>>,
}

/// What passed a direction of a link.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pass {
    /// Packets since the agent began. `None` in history.
    pub(crate) packets_total: Option<u64>,
    /// Packets that left.
    pub(crate) packets: u64,
    /// Bytes on the wire that left.
    pub(crate) wire_bytes: u64,
    /// Lost segments since the agent began. `None` if loss is not measured, or in history.
    pub(crate) lost_total: Option<u64>,
    /// Lost segments. `None` if loss is not measured.
    pub(crate) lost: Option<u64>,
    /// One-way latency. `None` if it is not measured.
    pub(crate) latency: Option<Latency>,
}

/// One-way latencies of a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Latency {
    /// Samples.
    pub(crate) count: u64,
    /// The median. `None` without samples.
    pub(crate) p50_ns: Option<u64>,
    /// The 99th percentile. `None` without samples.
    pub(crate) p99_ns: Option<u64>,
    /// An upper bound of all. `None` without samples, or if one was beyond the last bucket.
    pub(crate) max_bound_ns: Option<u64>,
    /// The exponent of the first octave: its latencies are at least `2^first` ns.
    pub(crate) first_octave: u32,
    /// Samples by octave.
    pub(crate) octaves: Box<[u64]>,
}

/// What an end saw in a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndFrame {
    /// ICMP round trips.
    pub(crate) icmp_count: u64,
    /// Their sum.
    pub(crate) icmp_sum_ns: u64,
    /// Round trips of TCP data.
    pub(crate) tcp_rtt_count: u64,
    /// Their sum.
    pub(crate) tcp_rtt_sum_ns: u64,
    /// TCP segments that were seen again.
    pub(crate) retransmits: u64,
    /// Packets that the kernel dropped. `None` if it does not report drops.
    pub(crate) dropped: Option<u64>,
}

/// A probe in a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProbeFrame {
    /// How long the last attempt took. `None` if it failed, or before the first.
    pub(crate) last_ns: Option<u64>,
    /// Failed attempts since the agent began.
    pub(crate) failures_total: u64,
}

/// Both ends of a link, in display order.
pub(crate) const SIDES: [Side; 2] = [Side::A, Side::B];

impl End {
    /// Returns `NAMESPACE:INTERFACE`.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.namespace, self.interface)
    }
}

impl Link {
    /// Returns the known ends.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &End> {
        self.ends.iter().flatten()
    }

    /// Returns whether any direction is impaired on purpose.
    pub(crate) fn is_impaired(&self) -> bool {
        self.impairments.iter().any(Option::is_some)
    }
}

impl Pass {
    /// Returns bits on the wire.
    pub(crate) fn bits(&self) -> u64 {
        8 * self.wire_bytes
    }
}
