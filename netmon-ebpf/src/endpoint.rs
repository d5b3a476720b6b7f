//! What is kept for each endpoint, once a CPU.
//!
//! Two values, in two families of chunks: [`Counters`] is touched by every packet, and has what echoes touch
//! besides, since a `ping` is to find as little as possible out of the cache; [`RoundTrips`] is touched by the
//! few packets that end a round trip of another kind.

use crate::{
    abi::HOOKS,
    epoch::{ANSWER_EPOCHS, LOSS_EPOCHS},
    histogram::Histogram,
    indexed::indexed,
    protocol::PROTOCOLS,
};

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Counter {
    /// Packets as the hook saw them: a super-packet (GSO) is one.
    pub packets: u64,
    /// Bytes from the link-layer header on, as `skb->len` has them.
    pub bytes: u64,
}

/// What passed one hook.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HookCounters {
    /// By [`crate::Protocol`].
    pub protocols: [Counter; PROTOCOLS],
    /// Packets on the wire, once super-packets are cut into segments.
    pub segments: u64,
    /// Bytes on the wire: each segment with headers of its own.
    pub wire_bytes: u64,
}

/// What every packet touches.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Counters {
    /// By hook ([`crate::abi::INGRESS`], [`crate::abi::EGRESS`]).
    pub hooks: [HookCounters; HOOKS],
    /// Packets that left without a stamp although departures are stamped here.
    pub unstamped: u64,
    /// Segments by the epoch of their stamp: at [`crate::abi::EGRESS`] those that left with a stamp, at
    /// [`crate::abi::INGRESS`] those that arrived with one. They wrap; only differences mean something.
    pub epochs: [[u32; LOSS_EPOCHS]; HOOKS],
    /// One-way latency of what arrived here.
    pub latency: Histogram,
    /// What is known of ICMP and ICMPv6 echoes.
    pub echoes: Echoes,
}

/// What echo requests and their replies touch.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Echoes {
    /// The samples of `round_trips` once more, by the hook through which the request passed: at
    /// [`crate::abi::EGRESS`] round trips of requests that left, at [`crate::abi::INGRESS`] what it took
    /// this side to answer.
    pub sums: [Sum; HOOKS],
    /// Requests by the answer epoch in which they passed. They wrap.
    pub requests: [u32; ANSWER_EPOCHS],
    /// Requests that were answered in time, by the answer epoch in which the request passed.
    pub answered: [u32; ANSWER_EPOCHS],
    /// From a request to its reply.
    pub round_trips: Histogram,
}

indexed! {
    /// Which round trip a histogram of [`RoundTrips`] holds.
    pub enum RoundTrip;
    /// How many kinds of round trip there are, besides echoes.
    pub const ROUND_TRIPS;
    /// SYN to SYN/ACK.
    TcpHandshake,
    /// Data that left through this interface to its ACK.
    TcpRtt,
    /// Last byte of a request to the first byte of its answer.
    TcpResponse,
    /// DNS query to its response.
    Dns,
}

indexed! {
    /// What happened to a TCP connection. The discriminant is the index into [`RoundTrips::tcp_events`].
    pub enum TcpEvent;
    /// How many kinds of event there are.
    pub const TCP_EVENTS;
    /// The handshake was completed.
    Opened = "opened",
    /// Both sides sent FIN.
    Closed = "closed",
    /// RST after it was opened.
    Reset = "reset",
    /// RST as the answer to a SYN.
    Refused = "refused",
}

/// DNS response codes that are told apart: 0 to 14 as they are (RFC 1035, RFC 2136), 15 and the extended
/// ones together.
pub const RCODES: usize = 16;

/// The response codes as dig(1) shows them, by their number (RFC 6895, 2.3); what has no name of its own is
/// `other`.
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

/// Durations, of which only the mean is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// All together, nanoseconds.
    pub sum_ns: u64,
}

/// What the packets touch that end a round trip other than an echo's.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RoundTrips {
    /// By [`RoundTrip`].
    pub histograms: [Histogram; ROUND_TRIPS],
    /// By [`TcpEvent`].
    pub tcp_events: [u64; TCP_EVENTS],
    /// Segments that were seen again, by hook.
    pub tcp_retransmits: [u64; HOOKS],
    /// DNS responses by response code.
    pub dns_rcodes: [u64; RCODES],
}

impl Counters {
    /// Nothing was counted.
    pub const ZERO: Self = Self {
        hooks: [HookCounters {
            protocols: [Counter { packets: 0, bytes: 0 }; PROTOCOLS],
            segments: 0,
            wire_bytes: 0,
        }; HOOKS],
        unstamped: 0,
        epochs: [[0; LOSS_EPOCHS]; HOOKS],
        latency: Histogram::EMPTY,
        echoes: Echoes {
            sums: [Sum { count: 0, sum_ns: 0 }; HOOKS],
            requests: [0; ANSWER_EPOCHS],
            answered: [0; ANSWER_EPOCHS],
            round_trips: Histogram::EMPTY,
        },
    };
}

impl RoundTrips {
    /// No round trip has ended.
    pub const ZERO: Self = Self {
        histograms: [Histogram::EMPTY; ROUND_TRIPS],
        tcp_events: [0; TCP_EVENTS],
        tcp_retransmits: [0; HOOKS],
        dns_rcodes: [0; RCODES],
    };
}

// A value of a per-CPU map must fit the smallest per-CPU allocation (32 KiB), and eight bytes align it.
const _: () = {
    assert!(size_of::<HookCounters>() == 16 * PROTOCOLS + 16);
    assert!(size_of::<Echoes>() == 2 * 16 + 2 * 4 * ANSWER_EPOCHS + size_of::<Histogram>());
    assert!(
        size_of::<Counters>()
            == 2 * 128 + 8 + 2 * 4 * LOSS_EPOCHS + size_of::<Histogram>() + size_of::<Echoes>()
    );
    assert!(
        size_of::<RoundTrips>() == ROUND_TRIPS * size_of::<Histogram>() + 8 * (TCP_EVENTS + HOOKS + RCODES)
    );
    assert!(size_of::<Counters>() < 32 * 1024 && size_of::<RoundTrips>() < 32 * 1024);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads these types from maps as bytes")]

    // SAFETY: repr(C), of u64 and pairs of u32 only, without padding (the sizes are asserted above): any
    // bytes are a value.
    unsafe impl aya::Pod for super::Counters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::RoundTrips {}
}
