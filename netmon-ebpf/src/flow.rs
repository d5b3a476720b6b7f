//! State that lives between the packets of one conversation, in maps that evict the least recently used.
//!
//! Nothing that is exported as a counter is kept here. A key is seen from the endpoint: `local` is the
//! side of its namespace (source at egress, destination at ingress), so that both directions of one
//! conversation meet under one key.

/// A conversation at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// Address on this side; IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2).
    pub local: [u8; 16],
    /// Address on the other side.
    pub remote: [u8; 16],
    /// The endpoint that sees it.
    pub endpoint: u32,
    /// Port on this side, network byte order; of an ICMP echo its identifier.
    pub local_port: u16,
    /// Port on the other side, network byte order; of an ICMP echo its sequence number.
    pub remote_port: u16,
    /// The identifier of a DNS query; 0 otherwise.
    pub id: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// The hook through which a request left ([`crate::abi::EGRESS`]) or came; 0 for TCP.
    pub request_hook: u8,
}

/// A TCP connection at one endpoint.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct TcpFlow {
    /// First packet, monotonic nanoseconds.
    pub first_ns: u64,
    /// Latest packet, monotonic nanoseconds.
    pub last_ns: u64,
    /// Packets by hook.
    pub packets: [u64; 2],
    /// Bytes by hook.
    pub bytes: [u64; 2],
    /// When the unanswered SYN passed; 0 without one.
    pub syn_ns: u64,
    /// When the latest byte of the unanswered request passed; 0 without one.
    pub request_ns: u64,
    /// When the sampled segment left; 0 without one. One is under way at a time.
    pub rtt_ns: u64,
    /// The acknowledgment number that answers the sampled segment.
    pub rtt_ack: u32,
    /// One past the highest sequence number seen, by hook.
    pub next_seq: [u32; 2],
    /// `TCP_*` bits.
    pub state: u32,
}

/// The SYN passed at egress: the client is on this side.
pub const TCP_CLIENT_LOCAL: u32 = 1 << 0;
/// The SYN passed at ingress: the client is on the other side. Without either bit nobody saw the SYN.
pub const TCP_CLIENT_REMOTE: u32 = 1 << 1;
/// The SYN was sent again: its answer cannot be told apart, so it gives no sample (Karn).
pub const TCP_SYN_AGAIN: u32 = 1 << 2;
/// The SYN was answered by a SYN/ACK.
pub const TCP_SYN_ANSWERED: u32 = 1 << 3;
/// The handshake was completed, or data was seen of a connection that is older than the agent.
pub const TCP_OPEN: u32 = 1 << 4;
/// It ended: closed by both sides, reset or refused.
pub const TCP_ENDED: u32 = 1 << 5;
/// `next_seq` is known at ingress; shifted by one, at egress.
pub const TCP_SEQ_KNOWN: u32 = 1 << 6;
/// FIN passed at ingress; shifted by one, at egress.
pub const TCP_FIN: u32 = 1 << 8;

const _: () = {
    assert!(size_of::<FlowKey>() == 44);
    assert!(size_of::<TcpFlow>() == 9 * 8 + 16);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads these types from maps as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above): any bytes are a value.
    unsafe impl aya::Pod for super::FlowKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::TcpFlow {}
}
