//! What the dispatcher, the programs and the agent agree on beside the values of the maps: the version,
//! the sizes of maps, the words in `skb->cb`, and the reasons for early exits.

use crate::indexed::indexed;
pub use crate::stage::{PROGRAMS, STAGES, Stage, stage_index};

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

indexed! {
    /// Why a program stopped short of measuring a packet in full. Each is counted, and its label is the
    /// metric's.
    pub enum ParseStop;
    /// How many reasons there are.
    pub const PARSE_STOPS;
    /// The dispatcher named an endpoint that has no counters: not counted anywhere else.
    UnknownEndpoint = "unknown_endpoint",
    /// Shorter than an Ethernet header.
    EthernetTruncated = "ethernet_truncated",
    /// More than two VLAN tags.
    VlanDepth = "vlan_depth",
    /// An ethertype other than ARP, IPv4 and IPv6.
    UnknownEthertype = "unknown_ethertype",
    /// The IPv4 header does not fit the packet.
    Ipv4Truncated = "ipv4_truncated",
    /// The IPv4 header contradicts itself: version or header length.
    Ipv4Malformed = "ipv4_malformed",
    /// The IPv6 header or one of its extensions does not fit the packet.
    Ipv6Truncated = "ipv6_truncated",
    /// The IPv6 header says another version.
    Ipv6Malformed = "ipv6_malformed",
    /// More IPv6 extension headers than are followed, or longer ones.
    Ipv6Extensions = "ipv6_extensions",
    /// A fragment behind the first: it has no transport header.
    LaterFragment = "later_fragment",
    /// A transport protocol other than ICMP, TCP, UDP and SCTP.
    UnknownTransport = "unknown_transport",
    /// The transport header does not fit the packet.
    TransportTruncated = "transport_truncated",
    /// The TCP header length is below its minimum.
    TcpMalformed = "tcp_malformed",
    /// The kernel refused the departure stamp.
    StampRefused = "stamp_refused",
    /// The departure stamp lies in the future: it was not made by the peer's hook.
    StampInFuture = "stamp_in_future",
    /// The flow table took no entry.
    FlowRefused = "flow_refused",
    /// The table of drops took no entry.
    DropRefused = "drop_refused",
}

indexed! {
    /// What had to make room in a table that forgets. The discriminant is the index into the map `EVICTED`.
    pub enum Evicted;
    /// How many kinds there are.
    pub const EVICTIONS;
    /// A TCP connection that had not ended.
    Flow,
    /// A request that could still be answered.
    Request,
}
