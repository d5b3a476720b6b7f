//! What is kept for each endpoint, on each CPU.
//!
//! There are two values, in two families of chunks. Every packet touches [`Counters`]. It includes what echoes
//! touch, so that a `ping` misses the cache as seldom as possible. Only the few packets that end a round trip of
//! another kind touch [`RoundTrips`].

use crate::{
    abi::HOOKS, epoch::LOSS_EPOCHS, histogram::Histogram, indexed::indexed, protocol::PROTOCOLS,
    request_counters::RequestCounters, stamp::REFUSED_STAMPS,
};

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Counter {
    /// Packets as the hook sees them. A super-packet (GSO) is one.
    pub packets: u64,
    /// Bytes from the link-layer header on (`skb->len`).
    pub bytes: u64,
}

/// Traffic through one hook.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HookCounters {
    /// By [`crate::Protocol`].
    pub protocols: [Counter; PROTOCOLS],
    /// Packets on the wire, after super-packets are cut into segments.
    pub segments: u64,
    /// Bytes on the wire, where each segment has headers of its own.
    pub wire_bytes: u64,
}

/// The counters that every packet touches.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Counters {
    /// By hook ([`crate::abi::INGRESS`], [`crate::abi::EGRESS`]).
    pub hooks: [HookCounters; HOOKS],
    /// Packets that left without a stamp, although departures are stamped here.
    pub unstamped: u64,
    /// Segments by the epoch of their stamp: at [`crate::abi::EGRESS`] those that left with a stamp, at
    /// [`crate::abi::INGRESS`] those that arrived with one. The counts wrap; only differences are meaningful.
    pub epochs: [[u32; LOSS_EPOCHS]; HOOKS],
    /// The latest departure among the stamped packets that arrived here, monotonic nanoseconds; 0 before the first.
    pub latest_departure_ns: u64,
    /// One-way latency of packets that arrived here.
    pub latency: Histogram,
    /// ICMP and ICMPv6 echoes.
    pub echoes: Echoes,
}

/// The counters that echo requests and their replies touch.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Echoes {
    /// The samples of `round_trips` by the hook through which the request passed: at [`crate::abi::EGRESS`] the
    /// round trips of requests that left, at [`crate::abi::INGRESS`] the time that this side took to answer.
    pub sums: [Sum; HOOKS],
    /// Requests and their replies.
    pub requests: RequestCounters,
    /// Time from a request to its reply.
    pub round_trips: Histogram,
}

indexed! {
    /// A kind of round trip. The discriminant is the index into [`RoundTrips::histograms`].
    pub enum RoundTrip;
    /// Number of kinds of round trip, without echoes.
    pub const ROUND_TRIPS;
    /// From a SYN to its SYN/ACK.
    TcpHandshake,
    /// From data that left through this interface to its ACK.
    TcpRtt,
    /// From the last byte of an HTTP/1 request to the first byte of its response.
    TcpResponse,
    /// From a DNS query to its response.
    Dns,
}

indexed! {
    /// An event of a TCP connection. The discriminant is the index into [`RoundTrips::tcp_events`].
    pub enum TcpEvent;
    /// Number of kinds of event.
    pub const TCP_EVENTS;
    /// The handshake is complete.
    Opened = "opened",
    /// The FINs of both sides were acknowledged.
    Closed = "closed",
    /// An RST after the connection was opened.
    Reset = "reset",
    /// An RST in answer to the SYN.
    Refused = "refused",
    /// The first segment that was followed was no SYN: the connection is older than the agent, or than its entry.
    Found = "found",
}

indexed! {
    /// Why a response is not timed. The discriminant is the index into [`RoundTrips::tcp_unsure`].
    pub enum Unsure;
    /// Number of reasons.
    pub const UNSURE_REASONS;
    /// A request began before the previous one was answered, or before its response had been acknowledged. Which
    /// response belongs to which is unknown from then on, so the connection gives no more samples.
    Pipelined = "pipelined",
    /// The client sent something between or after requests that is part of none. The connection gives no more samples.
    Interleaved = "interleaved",
    /// The client's first data are no HTTP/1 request. The connection gives no samples.
    UnknownProtocol = "unknown_protocol",
    /// A part of the request, or the beginning of the response, was overtaken or lost. Only this response is not timed.
    OutOfOrder = "out_of_order",
}

/// DNS response codes that are counted apart: 0 to 14 by themselves (RFC 1035, RFC 2136), 15 and the extended
/// ones together.
pub const RCODES: usize = 16;

/// The response codes by number, as dig(1) shows them (RFC 6895, 2.3). Codes without a name are `other`.
pub const RCODE_LABELS: [&str; RCODES] = [
    "noerror",
    "formerr",
    "servfail",
    "nxdomain",
    "notimp",
    "refused",
    "yxdomain",
    "yxrrset",
    "nxrrset",
    "notauth",
    "notzone",
    "dsotypeni",
    "other",
    "other",
    "other",
    "other",
];

/// Durations of which only the mean is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sum {
    /// Number of durations.
    pub count: u64,
    /// Their sum, nanoseconds.
    pub sum_ns: u64,
}

/// What packets touch that end a round trip other than an echo, and DNS queries.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RoundTrips {
    /// By [`RoundTrip`].
    pub histograms: [Histogram; ROUND_TRIPS],
    /// By [`TcpEvent`].
    pub tcp_events: [u64; TCP_EVENTS],
    /// Retransmitted segments, by hook.
    pub tcp_retransmits: [u64; HOOKS],
    /// Segments that passed after later ones, each for the first time, by hook.
    pub tcp_reordered: [u64; HOOKS],
    /// Responses that were not timed, by [`Unsure`].
    pub tcp_unsure: [u64; UNSURE_REASONS],
    /// DNS responses by response code.
    pub dns_rcodes: [u64; RCODES],
    /// DNS queries and their responses.
    pub dns_queries: RequestCounters,
    /// Packets that arrived with a delivery time that is no stamp of the peer, by [`crate::stamp::RefusedStamp`].
    pub refused_stamps: [u64; REFUSED_STAMPS],
}

impl Counters {
    /// Counters of an endpoint that has seen no packet.
    pub const ZERO: Self = Self {
        hooks: [HookCounters {
            protocols: [Counter { packets: 0, bytes: 0 }; PROTOCOLS],
            segments: 0,
            wire_bytes: 0,
        }; HOOKS],
        unstamped: 0,
        epochs: [[0; LOSS_EPOCHS]; HOOKS],
        latest_departure_ns: 0,
        latency: Histogram::EMPTY,
        echoes: Echoes {
            sums: [Sum { count: 0, sum_ns: 0 }; HOOKS],
            requests: RequestCounters::ZERO,
            round_trips: Histogram::EMPTY,
        },
    };
}

impl RoundTrips {
    /// Round trips of an endpoint at which none has ended.
    pub const ZERO: Self = Self {
        histograms: [Histogram::EMPTY; ROUND_TRIPS],
        tcp_events: [0; TCP_EVENTS],
        tcp_retransmits: [0; HOOKS],
        tcp_reordered: [0; HOOKS],
        tcp_unsure: [0; UNSURE_REASONS],
        dns_rcodes: [0; RCODES],
        dns_queries: RequestCounters::ZERO,
        refused_stamps: [0; REFUSED_STAMPS],
    };
}

// A value of a per-CPU map must fit into one per-CPU allocation (32 KiB), and is aligned to eight bytes.
const _: () = {
    assert!(size_of::<HookCounters>() == 16 * PROTOCOLS + 16);
    assert!(size_of::<Echoes>() == 2 * 16 + size_of::<RequestCounters>() + size_of::<Histogram>());
    assert!(
        size_of::<Counters>()
            == 2 * 128 + 2 * 8 + 2 * 4 * LOSS_EPOCHS + size_of::<Histogram>() + size_of::<Echoes>()
    );
    assert!(
        size_of::<RoundTrips>()
            == ROUND_TRIPS * size_of::<Histogram>()
                + 8 * (TCP_EVENTS + 2 * HOOKS + UNSURE_REASONS + RCODES + REFUSED_STAMPS)
                + size_of::<RequestCounters>()
    );
    assert!(size_of::<Counters>() < 32 * 1024 && size_of::<RoundTrips>() < 32 * 1024);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads these types from maps as bytes")]

    // SAFETY: repr(C) of u64 and pairs of u32, without padding (the sizes are asserted above), so any bytes are
    // a value.
    unsafe impl aya::Pod for super::Counters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::RoundTrips {}
}
