//! What the dispatcher, the programs and the agent agree on beside the values of the maps: the version,
//! the sizes of maps, the words in `skb->cb`, and the reasons for early exits.

/// Grows with every change of a key, a value or the meaning of one. The object carries it as the size of its
/// map `NETMON_ABI`; the agent refuses an object or pinned maps of another version.
pub const ABI_VERSION: u32 = 4;

/// Endpoints in one chunk: maps cannot grow, so endpoints live in chunks that are added at runtime.
pub const CHUNK_ENDPOINTS: u32 = 256;
/// Most chunks: 65,536 endpoints. An empty place costs eight bytes.
pub const MAX_CHUNKS: u32 = 256;

/// The chunk that an endpoint lives in.
#[inline(always)]
#[must_use]
pub const fn chunk_of(endpoint: u32) -> u32 {
    endpoint / CHUNK_ENDPOINTS
}

/// The place of an endpoint in its chunk.
#[inline(always)]
#[must_use]
pub const fn slot_of(endpoint: u32) -> u32 {
    endpoint % CHUNK_ENDPOINTS
}

/// The word of `skb->cb` in which the dispatcher leaves the endpoint's id.
pub const CB_ENDPOINT: usize = 0;
/// The word of `skb->cb` in which the dispatcher of an egress hook leaves the hook's flags.
pub const CB_FLAGS: usize = 1;
/// The two words of `skb->cb` in which the dispatcher of an ingress hook leaves when the packet departed by its
/// stamp, low half first; 0 without one.
pub const CB_DEPARTURE: usize = 2;
/// The word in which the measuring program leaves, for those that follow a conversation, where the headers
/// are; the flags and the departure are used up by then.
pub const CB_HEADERS: usize = 1;
/// The two words for the time at which the packet passed, low half first.
pub const CB_TIME: usize = 2;
/// The word for the bytes of transport payload.
pub const CB_PAYLOAD: usize = 4;
/// Flag of the egress hook: departures are stamped.
pub const FLAG_STAMP: u32 = 1;

/// Index of the ingress hook wherever something is kept by hook.
pub const INGRESS: usize = 0;
/// Index of the egress hook wherever something is kept by hook.
pub const EGRESS: usize = 1;
/// Number of hooks of an endpoint.
pub const HOOKS: usize = 2;

/// What a program of the jump table does. Each is verified by itself, with a stack of its own. Those called
/// "whole" do the same for packets whose headers are not in the linear part of the skb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// Parses, counts, stamps; plain packets only, which almost all are.
    Measure = 0,
    /// Plain packets behind VLAN tags.
    MeasureTagged = 1,
    /// Any packet.
    MeasureAny = 2,
    /// Whole.
    MeasureWhole = 3,
    /// Follows a TCP connection.
    Tcp = 4,
    /// Whole.
    TcpWhole = 5,
    /// Follows ICMP and ICMPv6 echo.
    Echo = 6,
    /// Whole.
    EchoWhole = 7,
    /// Follows DNS over UDP.
    Dns = 8,
    /// Whole.
    DnsWhole = 9,
}

/// Number of stages.
pub const STAGES: usize = 10;

/// The programs, by their place in the jump table ([`stage_index`]).
pub const PROGRAMS: [&str; HOOKS * STAGES] = [
    "netmon_in",
    "netmon_out",
    "netmon_in_tag",
    "netmon_out_tag",
    "netmon_in_any",
    "netmon_out_any",
    "netmon_in_whole",
    "netmon_out_whole",
    "netmon_in_tcp",
    "netmon_out_tcp",
    "netmon_in_tcp_w",
    "netmon_out_tcp_w",
    "netmon_in_echo",
    "netmon_out_echo",
    "netmon_in_echo_w",
    "netmon_out_echo_w",
    "netmon_in_dns",
    "netmon_out_dns",
    "netmon_in_dns_w",
    "netmon_out_dns_w",
];

/// The place of a program in the jump table: that of a [`Stage`], at a hook.
#[inline(always)]
#[must_use]
pub const fn stage_index(stage: usize, hook: usize) -> u32 {
    (stage * HOOKS + hook) as u32
}

/// Why a program stopped short of measuring a packet in full. Each is counted, and its label is the
/// metric's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Exit {
    /// The dispatcher named an endpoint that has no counters: not counted anywhere else.
    UnknownEndpoint = 0,
    /// Shorter than an Ethernet header.
    EthernetTruncated,
    /// More than two VLAN tags.
    VlanDepth,
    /// An ethertype other than ARP, IPv4 and IPv6.
    UnknownEthertype,
    /// The IPv4 header does not fit the packet.
    Ipv4Truncated,
    /// The IPv4 header contradicts itself: version or header length.
    Ipv4Malformed,
    /// The IPv6 header or one of its extensions does not fit the packet.
    Ipv6Truncated,
    /// The IPv6 header says another version.
    Ipv6Malformed,
    /// More IPv6 extension headers than are followed, or longer ones.
    Ipv6Extensions,
    /// A fragment behind the first: it has no transport header.
    LaterFragment,
    /// A transport protocol other than ICMP, TCP, UDP and SCTP.
    UnknownTransport,
    /// The transport header does not fit the packet.
    TransportTruncated,
    /// The TCP header length is below its minimum.
    TcpMalformed,
    /// The kernel refused the departure stamp.
    StampRefused,
    /// The departure stamp lies in the future: it was not made by the peer's hook.
    StampInFuture,
    /// The flow table took no entry.
    FlowRefused,
    /// The table of drops took no entry.
    DropRefused,
}

/// How many reasons there are.
pub const EXITS: usize = 17;

impl Exit {
    /// Every reason, in the order of its index.
    pub const ALL: [Self; EXITS] = [
        Self::UnknownEndpoint,
        Self::EthernetTruncated,
        Self::VlanDepth,
        Self::UnknownEthertype,
        Self::Ipv4Truncated,
        Self::Ipv4Malformed,
        Self::Ipv6Truncated,
        Self::Ipv6Malformed,
        Self::Ipv6Extensions,
        Self::LaterFragment,
        Self::UnknownTransport,
        Self::TransportTruncated,
        Self::TcpMalformed,
        Self::StampRefused,
        Self::StampInFuture,
        Self::FlowRefused,
        Self::DropRefused,
    ];

    /// The metric label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::EthernetTruncated => "ethernet_truncated",
            Self::VlanDepth => "vlan_depth",
            Self::UnknownEthertype => "unknown_ethertype",
            Self::Ipv4Truncated => "ipv4_truncated",
            Self::Ipv4Malformed => "ipv4_malformed",
            Self::Ipv6Truncated => "ipv6_truncated",
            Self::Ipv6Malformed => "ipv6_malformed",
            Self::Ipv6Extensions => "ipv6_extensions",
            Self::LaterFragment => "later_fragment",
            Self::UnknownTransport => "unknown_transport",
            Self::TransportTruncated => "transport_truncated",
            Self::TcpMalformed => "tcp_malformed",
            Self::StampRefused => "stamp_refused",
            Self::StampInFuture => "stamp_in_future",
            Self::FlowRefused => "flow_refused",
            Self::DropRefused => "drop_refused",
        }
    }
}

/// What had to make room in a table that forgets. The discriminant is the index into the map `EVICTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Evicted {
    /// A TCP connection that had not ended.
    Flow = 0,
    /// A request that could still be answered.
    Request = 1,
}

/// How many kinds there are.
pub const EVICTIONS: usize = 2;

const _: () = {
    let mut index = 0;
    while index < EXITS {
        assert!(Exit::ALL[index] as usize == index);
        index += 1;
    }
};
