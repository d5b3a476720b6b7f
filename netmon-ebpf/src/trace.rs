//! The packets of one trace: what the tracing command asks for, and what the programs report of each packet that is
//! part of it.
//!
//! A packet is recognised by its content ([`identify`]), which routers, bridges and NAT leave alone: an echo by a
//! random cookie in its payload, a TCP segment by its sequence number. Nothing here is shared with the measuring
//! programs.

mod identify;

pub use self::identify::{Bytes, Seen, identify, network_header};

/// Length of the payload of a traced echo request that identifies it: the cookie and the number of the run.
pub const ECHO_PAYLOAD: usize = 20;

/// The hook of an event: a packet arrives at an interface.
pub const ARRIVES: u8 = 0;
/// The hook of an event: a packet leaves through an interface, before its queue.
pub const LEAVES: u8 = 1;
/// The hook of an event: the kernel drops a packet.
pub const DROPPED: u8 = 2;

/// The leg of an event: a request, or the SYN of a connection.
pub const LEG_REQUEST: u8 = 0;
/// The leg of an event: the answer to the first leg.
pub const LEG_ANSWER: u8 = 1;
/// The leg of an event: the first data of the client.
pub const LEG_DATA: u8 = 2;
/// The leg of an event: the first data of the server.
pub const LEG_DATA_ANSWER: u8 = 3;

/// The kind of an answer: the expected one.
pub const ANSWERED: u8 = 0;
/// The kind of an answer: an ICMP error.
pub const ANSWERED_BY_ERROR: u8 = 1;
/// The kind of an answer: a TCP reset.
pub const ANSWERED_BY_RESET: u8 = 2;

/// The traffic of a trace: ICMP echoes.
pub const TRACE_ICMP: u32 = 0;
/// The traffic of a trace: a TCP connection.
pub const TRACE_TCP: u32 = 1;

/// What the programs look for. The command writes it before each run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Wanted {
    /// The first bytes of an echo's payload, as two numbers in network byte order.
    pub cookie: [u64; 2],
    /// The number of the run. An echo carries its own.
    pub run: u32,
    /// [`TRACE_ICMP`] or [`TRACE_TCP`].
    pub traffic: u32,
    /// The client's port of a TCP connection, in network byte order, before any NAT.
    pub source_port: u16,
    /// The server's port, likewise.
    pub target_port: u16,
    /// Always 0.
    pub padding: u32,
}

/// The first sequence numbers of the traced connection. The programs learn them from its SYN and SYN-ACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sequences {
    /// The client's.
    pub client: u32,
    /// The server's.
    pub server: u32,
    /// 1 if the client's is known, and 2 more if the server's is.
    pub known: u32,
}

/// [`Sequences::known`]: the client's.
pub const CLIENT_KNOWN: u32 = 1;
/// [`Sequences::known`]: the server's.
pub const SERVER_KNOWN: u32 = 2;

/// One packet at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time_ns: u64,
    /// The cookie of the network namespace. 0 if the packet had neither an interface nor a socket.
    pub netns: u64,
    /// The interface, by its number in that namespace. 0 if there is none.
    pub ifindex: u32,
    /// The run that the packet belongs to.
    pub run: u32,
    /// Why it was dropped: `enum skb_drop_reason` of the running kernel, or [`crate::drops::DECLARED_LOSS`].
    pub reason: u32,
    /// [`ARRIVES`], [`LEAVES`] or [`DROPPED`].
    pub hook: u8,
    /// [`LEG_REQUEST`] and the three that follow it.
    pub leg: u8,
    /// [`ANSWERED`], [`ANSWERED_BY_ERROR`] or [`ANSWERED_BY_RESET`].
    pub answer: u8,
    /// Always 0.
    pub padding: u8,
}

/// Where the running kernel keeps the fields that the programs read, in bytes from the beginning of each structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TraceOffsets {
    /// `sk_buff.head`
    pub skb_head: u32,
    /// `sk_buff.mac_header`
    pub skb_mac_header: u32,
    /// `sk_buff.network_header`
    pub skb_network_header: u32,
    /// `sk_buff.dev`
    pub skb_dev: u32,
    /// `sk_buff.sk`
    pub skb_sk: u32,
    /// `sk_buff.mark`
    pub skb_mark: u32,
    /// `net_device.ifindex`
    pub dev_ifindex: u32,
    /// `net_device.nd_net`
    pub dev_net: u32,
    /// `sock_common.skc_net`, which every socket begins with.
    pub sock_net: u32,
    /// `net.net_cookie`
    pub net_cookie: u32,
}

const _: () = {
    assert!(size_of::<Wanted>() == 32);
    assert!(size_of::<Sequences>() == 12);
    assert!(size_of::<Event>() == 32);
    assert!(size_of::<TraceOffsets>() == 40);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the command reads and writes these types in maps as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::Wanted {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Sequences {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::TraceOffsets {}
}

impl Event {
    /// Reads an event from the bytes of a ring buffer. Returns `None` if they have another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; size_of::<Self>()] = bytes.try_into().ok()?;
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
        Some(Self {
            time_ns: long(0)?,
            netns: long(8)?,
            ifindex: word(16)?,
            run: word(20)?,
            reason: word(24)?,
            hook: bytes[28],
            leg: bytes[29],
            answer: bytes[30],
            padding: bytes[31],
        })
    }
}
