//! A segment, as the programs read it, and the beginning of its payload.

/// The sender has no more data.
pub(super) const FIN: u8 = 0x01;
/// The connection begins.
pub(super) const SYN: u8 = 0x02;
/// The connection is reset.
pub(super) const RST: u8 = 0x04;
/// The acknowledgment number is valid.
pub(super) const ACK: u8 = 0x10;

/// One TCP segment, or several that travel as one super-packet, as it passes a hook.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// [`INGRESS`](crate::abi::INGRESS) or [`EGRESS`](crate::abi::EGRESS).
    pub hook: usize,
    /// When it passed, monotonic nanoseconds.
    pub now_ns: u64,
    /// Sequence number of its first byte.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Flags as in byte 13 of the header.
    pub flags: u8,
    /// The window field, not scaled.
    pub window: u16,
    /// Bytes of data.
    pub payload: u32,
    /// Bytes of the frame.
    pub frame: u32,
    /// Number of segments on the wire.
    pub segments: u32,
}

impl Segment {
    #[inline(always)]
    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns whether this is the SYN of a client.
    #[inline(always)]
    #[must_use]
    pub const fn is_client_syn(&self) -> bool {
        self.flags & (SYN | ACK | RST) == SYN
    }

    /// Returns whether a connection that is not in the table gets an entry: if it begins, or carries data.
    #[inline(always)]
    #[must_use]
    pub const fn deserves_entry(&self) -> bool {
        self.is_client_syn() || (self.payload > 0 && !self.has(RST))
    }
}

/// The payload of a segment. Only few segments are read: those that may begin a request, and the first of a response.
pub trait Payload {
    /// Returns the eight bytes at `offset` as a little-endian number. Bytes after the end are 0.
    fn word(&self, offset: u32) -> u64;
}
