//! One reading of every counter and histogram, as plain data.
//!
//! All outputs are rendered from a [`Snapshot`] and from nothing else: metrics, the HTTP interface and the command line
//! never access the kernel. Durations are nanoseconds of the monotonic clock.

mod contents;
mod direction;
mod flow;
mod host;
mod service;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use netmon_ebpf::stamp::RefusedStamp;
use netmon_ebpf::{
    abi::ParseStop,
    endpoint::{TcpEvent, Unsure},
};
use serde::{Deserialize, Serialize};

pub use self::{
    contents::NamespaceContents,
    direction::{DirectionSnapshot, ImpairmentStats, LatencyParts},
    flow::{Flow, FlowCounts, FlowState, Opener, Transport},
    host::{Device, HostSnapshot},
    service::{ServicePhase, ServiceSnapshot},
};
use crate::{
    audit::Cause,
    by::{ByProtocol, Hooks},
    cost::Cost,
    drift::Drift,
    histogram::{Histogram, Total},
    names::{EndName, EndpointId, IfIndex, LabName, LinkName, NsName, Side},
};

/// One reading of all values.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Wall-clock time of the reading.
    pub taken_at: SystemTime,
    /// Monotonic time of the reading, nanoseconds (`CLOCK_MONOTONIC`). Rates are computed with this one.
    pub monotonic_ns: u64,
    /// The watched labs: none, one or more.
    pub labs: Vec<LabInfo>,
    /// The kernel's features that are used.
    pub features: Features,
    /// Every link, in the order of its lab's file. Links that were found come last, by name.
    pub links: Vec<LinkSnapshot>,
    /// What discovery knows of the host. `None` if the agent does not discover links.
    pub host: Option<Arc<HostSnapshot>>,
    /// Every probe, in the order of the lab file.
    pub probes: Vec<ProbeSnapshot>,
    /// Packets whose parsing stopped early, by reason, over all endpoints.
    pub parse_exits: Vec<(ParseStop, u64)>,
    /// The state of the flow table.
    pub flows: FlowTable,
    /// netmon's own errors so far. Every kind is listed, with 0 before its first error.
    pub errors: Vec<(ErrorKind, u64)>,
    /// The cost of measuring.
    pub cost: Cost,
}

/// A kind of netmon's own errors, which are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The maps could not be read.
    Read,
    /// The position of programs in the chains of their hooks could not be read.
    ChainPosition,
    /// Another program was found ahead of netmon's.
    Overtaken,
    /// An audit failed.
    Audit,
}

impl ErrorKind {
    /// Every kind, in display order.
    pub const ALL: [Self; 4] = [Self::Read, Self::ChainPosition, Self::Overtaken, Self::Audit];

    /// Returns the metric label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ChainPosition => "order",
            Self::Overtaken => "overtaken",
            Self::Audit => "audit",
        }
    }
}

/// A lab and its file.
#[derive(Clone, Debug)]
pub struct LabInfo {
    /// The lab's name.
    pub name: LabName,
    /// The lab file's path, or `built-in` for the built-in lab.
    pub file: String,
    /// Wall-clock time at which the agent built the lab, or last changed it to what its file says.
    pub applied_at: SystemTime,
    /// Whether counting continues without an agent.
    pub persists: bool,
    /// The namespaces that have more than link ends.
    pub namespaces: Vec<NamespaceContents>,
}

/// The kernel's features that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// How programs are attached.
    pub mode: AttachMode,
    /// Whether packets carry a departure stamp, so that one-way latency and loss are measured (Linux 5.18).
    pub packet_stamp: bool,
}

/// How programs are attached to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachMode {
    /// A TCX link (Linux 6.6), which the kernel detaches when its owner exits.
    Tcx,
    /// A filter on a clsact qdisc.
    Clsact,
    /// Not at all: programs at the kernel's tracepoints see the interface.
    Tracing,
    /// As [`Self::Tracing`], but packets are counted only: no latency, no loss, no conversations.
    Count,
}

impl AttachMode {
    /// Returns the label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::Tracing => "tracing",
            Self::Count => "count",
        }
    }
}

/// The results of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSnapshot {
    /// The namespace that it is sent from.
    pub from: NsName,
    /// Its name, or else its target. The `target` label of its metrics.
    pub name: String,
    /// `icmp`, `tcp`, `http` or `dns`.
    pub kind: &'static str,
    /// The address or URL that it attempts.
    pub target: String,
    /// The time from one attempt to the next.
    pub interval: Duration,
    /// Whether the last attempt succeeded. `None` until the first counted attempt has finished.
    pub success: Option<bool>,
    /// The duration of the last attempt. `None` if it did not succeed.
    pub last: Option<Duration>,
    /// Why the last attempt failed. `None` if it did not fail.
    pub error: Option<String>,
    /// The durations of successful attempts.
    pub durations: Histogram,
    /// The number of failed attempts.
    pub failures: u64,
}

/// One veth pair, as far as it is known.
#[derive(Clone, Debug)]
pub struct LinkSnapshot {
    /// The link's name: that in the lab file, or that which discovery made.
    pub name: LinkName,
    /// The lab that it is part of. `None` if it was found on the host.
    pub lab: Option<LabName>,
    /// End `a`.
    pub a: EndpointSnapshot,
    /// End `b`. `None` while the location of `a`'s peer is not known.
    pub b: Option<EndpointSnapshot>,
    /// Direction a->b. It is measured only if both ends are known.
    pub a_to_b: DirectionSnapshot,
    /// Direction b->a.
    pub b_to_a: DirectionSnapshot,
}

impl LinkSnapshot {
    /// Returns the end on `side`. `None` if it is not known.
    #[must_use]
    pub fn end(&self, side: Side) -> Option<&EndpointSnapshot> {
        match side {
            Side::A => Some(&self.a),
            Side::B => self.b.as_ref(),
        }
    }

    /// Returns the direction that starts at the end on `side`.
    #[must_use]
    pub fn direction_from(&self, side: Side) -> &DirectionSnapshot {
        match side {
            Side::A => &self.a_to_b,
            Side::B => &self.b_to_a,
        }
    }

    /// Iterates over both directions, each with the end that it starts from and the end that it leads to. Empty unless both
    /// ends are known.
    pub fn directions(
        &self,
    ) -> impl Iterator<Item = (&EndpointSnapshot, &EndpointSnapshot, &DirectionSnapshot)> {
        let both = self.b.as_ref().map(|b| [(&self.a, b, &self.a_to_b), (b, &self.a, &self.b_to_a)]);
        both.into_iter().flatten()
    }

    /// Iterates over the known ends.
    pub fn ends(&self) -> impl Iterator<Item = &EndpointSnapshot> {
        std::iter::once(&self.a).chain(&self.b)
    }
}

/// One end of a link.
#[derive(Clone, Debug)]
pub struct EndpointSnapshot {
    /// Its slot in the kernel's maps.
    pub id: EndpointId,
    /// The interface's namespace.
    pub namespace: NsName,
    /// The interface.
    pub interface: EndName,
    /// The interface's number in its namespace.
    pub ifindex: IfIndex,
    /// What the interface is. `None` if it is one end of a lab's veth pair.
    pub device: Option<Device>,
    /// Its addresses in the lab file, with their prefix.
    pub addresses: Vec<ipnet::IpNet>,
    /// Whether the interface exists and is up.
    pub up: bool,
    /// Its drift: how it differs from the lab because of other programs.
    pub drift: Vec<Drift>,
    /// Traffic at each hook.
    pub hooks: Hooks<HookCounters>,
    /// Packets that left without a stamp, and so without a latency sample.
    pub unstamped_packets: u64,
    /// Packets that arrived with a delivery time that is no stamp of the peer, by reason.
    pub refused_stamps: Vec<(RefusedStamp, u64)>,
    /// Packets that arrived and whose departure is not known, so they have no latency. Always 0 without tracing.
    pub unjoined_packets: u64,
    /// Packets that the kernel dropped on this interface, by drop reason. `None` if this kernel reports no reasons.
    pub drops: Option<Vec<(String, u64)>>,
    /// Round trips measured at this end.
    pub round_trips: RoundTrips,
}

/// Traffic at one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCounters {
    /// How the program is attached. `None` if it is not.
    pub attached: Option<AttachMode>,
    /// Packets and bytes by protocol.
    pub protocols: ByProtocol<Traffic>,
    /// Packets on the wire: a super-packet (GSO) counts as the segments it is cut into.
    pub segments: u64,
    /// Bytes on the wire: each segment with its own headers.
    pub wire_bytes: u64,
    /// The comparison with the kernel's own count. `None` before the first one. It is renewed less often than it is read.
    pub audit: Option<Arc<Audit>>,
}

/// netmon's count of packets at a hook and the kernel's, from a moment at which the kernel reported the same count twice:
/// `hook = kernel + explained + difference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Wall-clock time at which the comparison began.
    pub taken_at: SystemTime,
    /// Packets that passed the hook.
    pub hook_packets: u64,
    /// Packets that the kernel counted as sent or received since the interface was created.
    pub kernel_packets: u64,
    /// The explained part of the difference, by cause. Only causes that have ever explained a packet.
    pub explained: Vec<(Cause, i64)>,
    /// The unexplained rest. Positive: packets passed the hook and then vanished. Negative: packets bypassed the hook.
    pub difference: i64,
}

impl HookCounters {
    /// Returns the packets of all protocols.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.protocols.iter().map(|(_, traffic)| traffic.packets).sum()
    }

    /// Returns the bytes of all protocols, including link-layer headers, as `ip -s link` counts them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.protocols.iter().map(|(_, traffic)| traffic.bytes).sum()
    }
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes, including the link-layer header.
    pub bytes: u64,
}

/// Round trips measured at one end: the request and its answer both passed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// ICMP and ICMPv6 echo.
    pub icmp: Histogram,
    /// Echoes whose request left here: round trips.
    pub icmp_asked: Total,
    /// Echoes whose request arrived here: the time that this side took to answer.
    pub icmp_answered: Total,
    /// SYN to SYN/ACK.
    pub tcp_handshake: Histogram,
    /// Data to its ACK. `None` if it is not measured.
    pub tcp_rtt: Option<Histogram>,
    /// Last byte of an HTTP/1 request in the clear to the first byte of its response.
    pub tcp_response: Histogram,
    /// DNS query to its response. `None` if it is not measured.
    pub dns: Option<Histogram>,
    /// ICMP and ICMPv6 echo requests, except to groups.
    pub icmp_requests: Requests,
    /// DNS queries.
    pub dns_queries: Requests,
    /// TCP connections by event, in the order of [`netmon_ebpf::endpoint::TcpEvent::ALL`].
    pub tcp_connections: Vec<(TcpEvent, u64)>,
    /// TCP segments that were seen again at ingress.
    pub tcp_retransmits_ingress: u64,
    /// TCP segments that were seen again at egress.
    pub tcp_retransmits_egress: u64,
    /// TCP segments that arrived after later ones, each for the first time.
    pub tcp_reordered_ingress: u64,
    /// The same for those that left.
    pub tcp_reordered_egress: u64,
    /// Responses that were not timed, by reason, in the order of [`netmon_ebpf::endpoint::Unsure::ALL`].
    pub tcp_unsure: Vec<(Unsure, u64)>,
    /// DNS responses by response code (RFC 6895). Only codes that have occurred.
    pub dns_responses: Vec<(&'static str, u64)>,
}

/// What became of the requests of one kind that passed an end. Those that `unanswered` and `waiting` do not count were
/// answered: each gave a round trip, or is `unsampled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests whose answer did not come back to the namespace within five seconds.
    pub unanswered: u64,
    /// Requests that may still be answered.
    pub waiting: u64,
    /// Requests that passed again before they were answered.
    pub repeated: u64,
    /// Answered requests without a round trip: they were repeated, or the answer passed another end only.
    pub unsampled: u64,
}

/// The state of the tables of TCP connections and of conversations over UDP. A new one replaces the one that was idle for longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowTable {
    /// The number of entries.
    pub entries: u64,
    /// The maximum number of entries. 0 if no connections are followed.
    pub capacity: u64,
    /// Connections that were replaced before they had ended.
    pub evicted_flows: u64,
    /// Requests (ICMP echo, DNS) that were replaced before they were answered.
    pub evicted_requests: u64,
    /// The number of conversations over UDP in their table.
    pub udp_entries: u64,
    /// The maximum number of conversations over UDP. 0 if none are followed.
    pub udp_capacity: u64,
    /// Conversations over UDP that were replaced before they had ended.
    pub evicted_udp_flows: u64,
}
