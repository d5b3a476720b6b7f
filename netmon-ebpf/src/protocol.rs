//! The protocols that packets are counted by.

/// What a packet is counted as. The discriminant is the index into [`crate::endpoint::HookCounters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Protocol {
    /// Address resolution (RFC 826).
    Arp = 0,
    /// ICMP for IPv4 (RFC 792).
    Icmp = 1,
    /// ICMP for IPv6 (RFC 4443).
    Icmpv6 = 2,
    /// TCP (RFC 9293).
    Tcp = 3,
    /// UDP (RFC 768).
    Udp = 4,
    /// SCTP (RFC 9260).
    Sctp = 5,
    /// Everything else, also what could not be parsed.
    Other = 6,
}

/// How many protocols there are.
pub const PROTOCOLS: usize = 7;

impl Protocol {
    /// Every protocol, in the order of its index.
    pub const ALL: [Self; PROTOCOLS] =
        [Self::Arp, Self::Icmp, Self::Icmpv6, Self::Tcp, Self::Udp, Self::Sctp, Self::Other];

    /// The metric label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Other => "other",
        }
    }
}
