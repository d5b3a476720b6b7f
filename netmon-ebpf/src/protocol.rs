//! The protocols by which packets are counted.

use crate::indexed::indexed;

indexed! {
    /// The protocol of a packet. The discriminant is the index into
    /// [`HookCounters::protocols`](crate::endpoint::HookCounters::protocols).
    ///
    /// ```
    /// use netmon_ebpf::Protocol;
    ///
    /// assert_eq!(Protocol::Icmpv6.label(), "icmpv6");
    ///
    /// let labels = Protocol::ALL.map(Protocol::label);
    /// assert_eq!(labels, ["arp", "icmp", "icmpv6", "tcp", "udp", "sctp", "other"]);
    /// assert_eq!(labels[Protocol::Tcp as usize], "tcp");
    /// ```
    pub enum Protocol;
    /// Number of protocols.
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
    /// Everything else, including packets that could not be parsed.
    Other = "other",
}
