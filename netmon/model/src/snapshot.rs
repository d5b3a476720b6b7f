//! One reading of every counter and histogram, as plain data.
//!
//! All outputs are made from a [`Snapshot`] and from nothing else: metrics, the HTTP interface and the
//! command line never touch the kernel. Durations are nanoseconds of the monotonic clock.

mod contents;
mod flow;

use std::time::{Duration, SystemTime};

use netmon_ebpf::{abi::ParseStop, endpoint::TcpEvent};
use serde::{Deserialize, Serialize};

pub use self::{
    contents::NamespaceContents,
    flow::{Flow, FlowCounts, FlowState, Opener},
};
use crate::{
    audit::Cause,
    by::{ByProtocol, Hooks},
    cost::Cost,
    drift::Drift,
    histogram::{Histogram, Total},
    impairment::Impairment,
    names::{EndpointId, IfIndex, IfName, LabName, LinkName, NsName, Side},
};

/// One reading of everything.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Wall-clock time of the reading.
    pub taken_at: SystemTime,
    /// Monotonic time of the reading, nanoseconds (`CLOCK_MONOTONIC`); rates are made from this one.
    pub monotonic_ns: u64,
    /// The labs that are watched: none, one or more.
    pub labs: Vec<LabInfo>,
    /// What the kernel lets us do.
    pub features: Features,
    /// Every link: those of a lab in the order of its file.
    pub links: Vec<LinkSnapshot>,
    /// Every probe, in the order of the lab file.
    pub probes: Vec<ProbeSnapshot>,
    /// Packets whose parsing stopped early, by the reason, all endpoints together.
    pub parse_exits: Vec<(ParseStop, u64)>,
    /// State of the flow table.
    pub flows: FlowTable,
    /// Errors of netmon itself so far; each kind is listed, as 0 before it first happens.
    pub errors: Vec<(ErrorKind, u64)>,
    /// What measuring costs.
    pub cost: Cost,
}

/// A kind of error of netmon itself, which is counted.
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
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Read, Self::ChainPosition, Self::Overtaken, Self::Audit];

    /// The metric label's value.
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

/// Which lab, from which file.
#[derive(Clone, Debug)]
pub struct LabInfo {
    /// The lab's name.
    pub name: LabName,
    /// The lab file's path; `built-in` for the built-in lab.
    pub file: String,
    /// Whether counting goes on when the agent does not.
    pub persists: bool,
    /// The namespaces in which there is more than ends of links.
    pub namespaces: Vec<NamespaceContents>,
}

/// What was found on this kernel, and is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// How programs are attached.
    pub mode: AttachMode,
    /// Packets carry a departure stamp, so one-way latency and loss are measured (Linux 5.18).
    pub packet_stamp: bool,
}

/// How programs are attached to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachMode {
    /// A TCX link (Linux 6.6), which detaches by itself when its owner dies.
    Tcx,
    /// A filter on a clsact qdisc.
    Clsact,
}

impl AttachMode {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSnapshot {
    /// Where it is sent from.
    pub from: NsName,
    /// Its name, or else its target: the `target` label of its metrics.
    pub name: String,
    /// `icmp`, `tcp`, `http` or `dns`.
    pub kind: &'static str,
    /// The address or URL that it attempts.
    pub target: String,
    /// From one attempt to the next.
    pub interval: Duration,
    /// Whether the last attempt succeeded; none before the first that counts.
    pub success: Option<bool>,
    /// How long the last attempt took, if it succeeded.
    pub last: Option<Duration>,
    /// Why the last attempt failed, if it did.
    pub error: Option<String>,
    /// How long those took that succeeded.
    pub durations: Histogram,
    /// How many failed.
    pub failures: u64,
}

/// One veth pair, or as much of it as is known.
#[derive(Clone, Debug)]
pub struct LinkSnapshot {
    /// The link's name in the lab file.
    pub name: LinkName,
    /// End `a`.
    pub a: EndpointSnapshot,
    /// End `b`; `None` while it is not known where the peer of `a` is.
    pub b: Option<EndpointSnapshot>,
    /// Direction a->b; nothing is measured of it without both ends.
    pub a_to_b: DirectionSnapshot,
    /// Direction b->a.
    pub b_to_a: DirectionSnapshot,
}

impl LinkSnapshot {
    /// The end on `side`; `None` if it is not known.
    #[must_use]
    pub fn end(&self, side: Side) -> Option<&EndpointSnapshot> {
        match side {
            Side::A => Some(&self.a),
            Side::B => self.b.as_ref(),
        }
    }

    /// The direction that starts at the end on `side`.
    #[must_use]
    pub fn direction_from(&self, side: Side) -> &DirectionSnapshot {
        match side {
            Side::A => &self.a_to_b,
            Side::B => &self.b_to_a,
        }
    }

    /// Both directions with the end that they start from and the end that they lead to; none without both ends.
    pub fn directions(
        &self,
    ) -> impl Iterator<Item = (&EndpointSnapshot, &EndpointSnapshot, &DirectionSnapshot)> {
        let both = self.b.as_ref().map(|b| [(&self.a, b, &self.a_to_b), (b, &self.a, &self.b_to_a)]);
        both.into_iter().flatten()
    }

    /// The ends that are known.
    pub fn ends(&self) -> impl Iterator<Item = &EndpointSnapshot> {
        std::iter::once(&self.a).chain(&self.b)
    }
}

/// One end of a link.
#[derive(Clone, Debug)]
pub struct EndpointSnapshot {
    /// Slot in the kernel's maps.
    pub id: EndpointId,
    /// The namespace that the interface is in.
    pub namespace: NsName,
    /// The interface.
    pub interface: IfName,
    /// The interface's number in its namespace.
    pub ifindex: IfIndex,
    /// Addresses as the lab file gives them, with their prefix.
    pub addresses: Vec<ipnet::IpNet>,
    /// Whether the interface exists and is up.
    pub up: bool,
    /// How it differs from the lab because of another program.
    pub drift: Vec<Drift>,
    /// What passed each hook.
    pub hooks: Hooks<HookCounters>,
    /// Packets that left without a stamp, so without a latency sample.
    pub unstamped_packets: u64,
    /// Packets that the kernel dropped on this interface, by its reason; `None` where the kernel does not tell.
    pub drops: Option<Vec<(String, u64)>>,
    /// Round trips measured at this end.
    pub round_trips: RoundTrips,
}

/// What passed one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCounters {
    /// How the program is attached; none when it is not.
    pub attached: Option<AttachMode>,
    /// Packets and bytes by protocol.
    pub protocols: ByProtocol<Traffic>,
    /// Packets on the wire: a super-packet (GSO) counts as the segments it is cut into.
    pub segments: u64,
    /// Bytes on the wire: each segment with its own headers.
    pub wire_bytes: u64,
    /// What the kernel itself counted; none until it could be compared.
    pub audit: Option<Audit>,
}

/// Our count of packets at a hook beside the kernel's, of a moment when it said the same twice:
/// `hook = kernel + explained + difference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Wall-clock time at which the comparison began.
    pub taken_at: SystemTime,
    /// Packets that passed the hook.
    pub hook_packets: u64,
    /// Packets that the kernel counted as sent or received, since the interface was made.
    pub kernel_packets: u64,
    /// What explains the difference, by cause; the causes that ever explained something.
    pub explained: Vec<(Cause, i64)>,
    /// What nothing explains. Above zero: passed the hook, and then vanished. Below: bypassed the hook.
    pub difference: i64,
}

impl HookCounters {
    /// Packets of all protocols.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.protocols.iter().map(|(_, traffic)| traffic.packets).sum()
    }

    /// Bytes of all protocols, link-layer header included, as `ip -s link` counts them.
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
    /// Bytes, link-layer header included.
    pub bytes: u64,
}

/// One direction of a link: from egress at one end to ingress at the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionSnapshot {
    /// One-way latency; none where the kernel cannot stamp packets.
    pub latency: Option<Histogram>,
    /// Segments that left and did not arrive; none where the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
    /// What netmon does to the packets of this direction on purpose.
    pub impairment: Option<ImpairmentStats>,
}

/// An impairment, and what has passed since it is imposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpairmentStats {
    /// What is declared.
    pub impairment: Impairment,
    /// Segments that left since.
    pub sent_segments: u64,
    /// Segments that left since and did not arrive; none where the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
}

/// Round trips measured at one end: the request passed here, and the answer came back here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// ICMP and ICMPv6 echo.
    pub icmp: Histogram,
    /// Those of them whose request left here: round trips.
    pub icmp_asked: Total,
    /// Those of them whose request came here: what this side took to answer.
    pub icmp_answered: Total,
    /// SYN to SYN/ACK.
    pub tcp_handshake: Histogram,
    /// Data to its ACK; none where it is not measured.
    pub tcp_rtt: Option<Histogram>,
    /// Last byte of a request to the first byte of its answer.
    pub tcp_response: Histogram,
    /// DNS query to its response; none where it is not measured.
    pub dns: Option<Histogram>,
    /// Echo requests that were not answered within five seconds.
    pub icmp_unanswered: u64,
    /// Echo requests that may still be answered.
    pub icmp_waiting: u64,
    /// TCP connections by event, in the order of [`netmon_ebpf::endpoint::TcpEvent::ALL`].
    pub tcp_connections: Vec<(TcpEvent, u64)>,
    /// TCP segments that were seen again at ingress.
    pub tcp_retransmits_ingress: u64,
    /// TCP segments that were seen again at egress.
    pub tcp_retransmits_egress: u64,
    /// DNS responses by response code (RFC 6895), those that came.
    pub dns_responses: Vec<(&'static str, u64)>,
}

/// State of the table of TCP connections, in which the one that was quiet for longest makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowTable {
    /// Entries now.
    pub entries: u64,
    /// Most entries; 0 when nothing is followed.
    pub capacity: u64,
    /// Connections that had to make room before they had ended.
    pub evicted_flows: u64,
    /// Requests (ICMP echo, DNS) that had to make room before they were answered.
    pub evicted_requests: u64,
}
