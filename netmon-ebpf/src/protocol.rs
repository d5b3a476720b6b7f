//! The protocols that packets are counted by.

use crate::indexed::indexed;

indexed! {
    /// What a packet is counted as. The discriminant is the index into [`crate::endpoint::HookCounters`].
    pub enum Protocol;
    /// How many protocols there are.
    pub const PROTOCOLS;
    /// Address resolution (RFC 826).
    Arp = "arp",
    /// ICMP for IPv4 (RFC 792).
    Icmp = "icmp",
    /// ICMP for IPv6 (RFC 4443).
    Icmpv6 = "icmpv6",
    /// TCP (RFC 9293).
    Tcp = "tcp",
    /// UDP (RFC 768).
    Udp = "udp",
    /// SCTP (RFC 9260).
    Sctp = "sctp",
    /// Everything else, also what could not be parsed.
    Other = "other",
}
