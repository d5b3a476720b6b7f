//! What parsing found out about a packet.

use super::Packet;
use crate::{
    abi::{PARSE_STOPS, ParseStop},
    protocol::Protocol,
};

/// The network layer of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Network {
    /// Neither IPv4 nor IPv6.
    Other,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// What parsing found out about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The protocol that the packet is counted as.
    pub protocol: Protocol,
    /// Its network layer.
    pub network: Network,
    /// Where the IP header begins, in bytes from the link-layer header; 0 if there is none.
    pub network_offset: usize,
    /// Where the transport header begins. It is complete if `stop` is `None` and the protocol has such a header.
    pub transport_offset: usize,
    /// Length of all headers that were understood, in bytes. Each segment of a super-packet repeats these, except for
    /// [`jumbo_bytes`](super::jumbo_bytes).
    pub header_bytes: usize,
    /// The IP protocol number of what follows the network header and its extensions; 0 if there is none.
    pub number: u8,
    /// Where the IP packet ends according to its header, in bytes from the link-layer header. Padding follows.
    /// 0 if the header does not say (jumbograms, super-packets over 64 KiB).
    pub end: usize,
    /// Whether it is UDP from or to port 53.
    pub is_dns: bool,
    /// Why parsing stopped early; `None` if it did not.
    pub stop: Option<ParseStop>,
}

impl Parsed {
    pub(super) const fn stopped(protocol: Protocol, stop: ParseStop, header_bytes: usize) -> Self {
        Self::without_network(protocol, Some(stop), header_bytes)
    }

    /// Returns what is known about an IP packet whose IP header, at this offset, is not understood.
    #[inline(always)]
    pub(super) const fn stopped_in(network: Network, stop: ParseStop, network_offset: usize) -> Self {
        Self { network, network_offset, ..Self::stopped(Protocol::Other, stop, network_offset) }
    }

    /// Returns what is known about an ARP packet behind `header_bytes` of link-layer headers. It is only counted.
    #[inline(always)]
    #[must_use]
    pub const fn arp(header_bytes: usize) -> Self {
        Self::without_network(Protocol::Arp, None, header_bytes)
    }

    #[inline(always)]
    const fn without_network(protocol: Protocol, stop: Option<ParseStop>, header_bytes: usize) -> Self {
        Self {
            protocol,
            network: Network::Other,
            network_offset: 0,
            transport_offset: 0,
            header_bytes,
            number: 0,
            end: 0,
            is_dns: false,
            stop,
        }
    }

    /// Returns the same, [obscured](Packet::obscured).
    #[inline(always)]
    #[must_use]
    pub fn obscured<P: Packet>(&self, packet: &P) -> Self {
        let number = |number| packet.obscured(number);
        Self {
            protocol: Protocol::from_index(number(self.protocol as usize)).unwrap_or(Protocol::Other),
            network: match number(self.network as usize) {
                1 => Network::Ipv4,
                2 => Network::Ipv6,
                _ => Network::Other,
            },
            network_offset: number(self.network_offset),
            transport_offset: number(self.transport_offset),
            header_bytes: number(self.header_bytes),
            number: number(self.number.into()) as u8,
            end: number(self.end),
            is_dns: number(self.is_dns.into()) != 0,
            stop: ParseStop::from_index(number(self.stop.map_or(PARSE_STOPS, |stop| stop as usize))),
        }
    }

    /// Returns whether reading further into the frame could change the outcome.
    #[inline(always)]
    #[must_use]
    pub const fn wants_more_bytes(&self) -> bool {
        matches!(
            self.stop,
            Some(
                ParseStop::EthernetTruncated
                    | ParseStop::Ipv4Truncated
                    | ParseStop::Ipv6Truncated
                    | ParseStop::TransportTruncated
            )
        )
    }
}
