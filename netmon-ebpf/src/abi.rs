//! What the dispatcher, the programs and the agent agree on besides the values of the maps: the version, the
//! sizes of maps, the words in `skb->cb`, and the reasons for stopping early.

use crate::indexed::indexed;
pub use crate::stage::{PROGRAMS, STAGES, Stage, stage_index};

/// The version of the ABI. It grows with every change to a key, a value or the meaning of one. The object carries
/// it as the size of its map `NETMON_ABI`. The agent refuses an object or pinned maps of another version.
pub const ABI_VERSION: u32 = 6;

/// Endpoints in one chunk. Maps cannot grow, so endpoints are kept in chunks that are added at run time.
pub const CHUNK_ENDPOINTS: u32 = 256;
/// The maximum number of chunks, which makes 65,536 endpoints. An unused chunk costs eight bytes.
pub const MAX_CHUNKS: u32 = 256;

/// Returns the chunk of an endpoint.
#[inline(always)]
#[must_use]
pub const fn chunk_of(endpoint: u32) -> u32 {
    endpoint / CHUNK_ENDPOINTS
}

/// Returns the slot of an endpoint in its chunk.
#[inline(always)]
#[must_use]
pub const fn slot_of(endpoint: u32) -> u32 {
    endpoint % CHUNK_ENDPOINTS
}

/// Number of bits of a [`place`] that hold the endpoint.
const PLACE_ENDPOINT_BITS: u32 = 16;

/// Returns an endpoint together with the number of its namespace, as the dispatcher passes them.
#[inline(always)]
#[must_use]
pub const fn place(endpoint: u32, netns: u16) -> u32 {
    endpoint | (netns as u32) << PLACE_ENDPOINT_BITS
}

/// Returns the endpoint of a [`place`].
#[inline(always)]
#[must_use]
pub const fn endpoint_at(place: u32) -> u32 {
    place & ((1 << PLACE_ENDPOINT_BITS) - 1)
}

/// Returns the number of the namespace of a [`place`].
#[inline(always)]
#[must_use]
pub const fn netns_at(place: u32) -> u32 {
    place >> PLACE_ENDPOINT_BITS
}

/// Returns the number of a namespace, given its cookie. The kernel gives cookies one after the other, so few namespaces
/// that exist at the same time have the same number. A request that passes two such namespaces, and whose answer
/// passes only one of them, counts as answered in both.
#[inline(always)]
#[must_use]
pub const fn netns_number(cookie: u64) -> u16 {
    cookie as u16
}

/// The word of `skb->cb` in which the dispatcher passes the endpoint's [`place`].
pub const CB_PLACE: usize = 0;
/// The word of `skb->cb` in which the dispatcher of an egress hook passes the number of the stamps that are given here
/// ([`crate::stamp::number_of`]); 0 if departures are not stamped.
pub const CB_NUMBER: usize = 1;
/// The two words of `skb->cb` in which the dispatcher of an ingress hook passes the packet's departure stamp, low
/// half first. They are 0 if the packet has none.
pub const CB_DEPARTURE: usize = 2;
/// The words in which the dispatcher of an ingress hook passes which stamps it expects, low half first
/// ([`crate::stamp::Expected`]).
pub const CB_EXPECTED: [usize; 2] = [4, 1];
/// The word in which the measuring program tells the programs that follow a conversation where the headers are.
/// What the dispatcher says about stamps has been used by then.
pub const CB_HEADERS: usize = 1;
/// The two words for the time at which the packet passed the hook, low half first.
pub const CB_TIME: usize = 2;
/// The word for the length of the transport payload, in bytes.
pub const CB_PAYLOAD: usize = 4;

/// Index of the ingress hook in everything that is kept by hook.
pub const INGRESS: usize = 0;
/// Index of the egress hook in everything that is kept by hook.
pub const EGRESS: usize = 1;
/// Number of hooks of an endpoint.
pub const HOOKS: usize = 2;

indexed! {
    /// Why a program stopped before it had measured a packet in full. Each reason is counted, under its label in
    /// `netmon_parse_exits_total`.
    pub enum ParseStop;
    /// Number of reasons.
    pub const PARSE_STOPS;
    /// The dispatcher named an endpoint that has no counters. The packet is counted nowhere else.
    UnknownEndpoint = "unknown_endpoint",
    /// The frame is shorter than an Ethernet header.
    EthernetTruncated = "ethernet_truncated",
    /// The frame has more than three VLAN tags.
    VlanDepth = "vlan_depth",
    /// The ethertype is not ARP, IPv4 or IPv6.
    UnknownEthertype = "unknown_ethertype",
    /// The IPv4 header does not fit the packet.
    Ipv4Truncated = "ipv4_truncated",
    /// The IPv4 header contradicts itself: version or header length.
    Ipv4Malformed = "ipv4_malformed",
    /// The IPv6 header or one of its extensions does not fit the packet.
    Ipv6Truncated = "ipv6_truncated",
    /// The IPv6 header names another version.
    Ipv6Malformed = "ipv6_malformed",
    /// There are more IPv6 extension headers than are followed, or a longer one.
    Ipv6Extensions = "ipv6_extensions",
    /// The packet is a fragment other than the first, and has no transport header.
    LaterFragment = "later_fragment",
    /// The transport protocol is not ICMP, TCP, UDP or SCTP.
    UnknownTransport = "unknown_transport",
    /// The transport header does not fit the packet.
    TransportTruncated = "transport_truncated",
    /// The TCP header length is below its minimum.
    TcpMalformed = "tcp_malformed",
    /// The kernel refused the departure stamp.
    StampRefused = "stamp_refused",
    /// The kernel delivered to a sender its own copy of a multicast or broadcast packet. It never crossed the link, and
    /// is counted nowhere else.
    LoopedBack = "looped_back",
    /// The flow table accepted no entry.
    FlowRefused = "flow_refused",
    /// The table of drops accepted no entry.
    DropRefused = "drop_refused",
}

indexed! {
    /// What was evicted from a table of conversations. The discriminant is the index into the map `EVICTED`.
    pub enum Evicted;
    /// Number of kinds.
    pub const EVICTIONS;
    /// A TCP connection that had not ended.
    Flow,
    /// A request that could still have been answered.
    Request,
    /// A conversation over UDP that had not ended.
    UdpFlow,
}

const _: () = assert!(CHUNK_ENDPOINTS * MAX_CHUNKS == 1 << PLACE_ENDPOINT_BITS);
