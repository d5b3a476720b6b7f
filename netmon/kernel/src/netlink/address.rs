//! Addresses of interfaces.
//!
//! IPv6 addresses are added without duplicate address detection. netmon created the link and knows both ends of it, and
//! while an address is tentative, for up to two seconds, a ping to it fails.
//!
//! Those that netmon adds carry its protocol number (`IFA_PROTO`, Linux 5.18), which distinguishes them from those that a
//! DHCP client, a router advertisement, another program or the kernel itself added. Older kernels ignore the number.

use std::net::IpAddr;

use ipnet::IpNet;
use netmon_model::names::IfIndex;
use rtnetlink::{
    AddressMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol},
    },
};

use super::{Netlink, NetlinkError, Request, route::PROTOCOL};

/// An address as the kernel lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstalledAddress {
    /// The interface that has it.
    pub index: IfIndex,
    /// The address with its prefix length.
    pub net: IpNet,
    /// Whether it carries netmon's protocol number.
    pub is_own: bool,
    /// Whether it cannot be used yet: duplicate address detection has not finished.
    pub is_tentative: bool,
}

impl InstalledAddress {
    /// Returns whether it is an IPv6 address of this link only, such as the kernel adds itself.
    #[must_use]
    pub fn is_link_local(&self) -> bool {
        matches!(self.net, IpNet::V6(net) if net.addr().is_unicast_link_local())
    }
}

/// Adds an address to an interface, and with it the route to its prefix.
#[must_use]
pub fn add(index: IfIndex, name: &str, address: IpNet) -> Request {
    let mut message = message(index, address);
    if address.addr().is_ipv6() {
        message.header.flags |= AddressHeaderFlags::Nodad;
    }
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL)));
    Request::new(
        format!("add address {address} to interface {name}"),
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Removes an address from an interface.
#[must_use]
pub fn remove(index: IfIndex, name: &str, address: IpNet) -> Request {
    Request::new(
        format!("remove address {address} from interface {name}"),
        RouteNetlinkMessage::DelAddress(message(index, address)),
        0,
    )
}

fn message(index: IfIndex, address: IpNet) -> AddressMessage {
    match address {
        IpNet::V4(net) => AddressMessageBuilder::<std::net::Ipv4Addr>::new()
            .address(net.addr(), net.prefix_len())
            .index(index.0)
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<std::net::Ipv6Addr>::new()
            .address(net.addr(), net.prefix_len())
            .index(index.0)
            .build(),
    }
}

impl Netlink {
    /// Returns every address in the namespace. The first IPv4 address of a network is the primary one.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn addresses(&mut self) -> Result<Vec<InstalledAddress>, NetlinkError> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump("list addresses", &request, address)
    }
}

pub(super) fn address(row: RouteNetlinkMessage) -> Option<InstalledAddress> {
    let RouteNetlinkMessage::NewAddress(message) = row else { return None };
    let (mut local, mut address, mut is_own) = (None::<IpAddr>, None::<IpAddr>, false);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Protocol(protocol) => is_own = u8::from(*protocol) == PROTOCOL,
            _ => {}
        }
    }
    // If both are given, IFA_LOCAL is the interface's own address (if_addr.h).
    let net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
    let is_tentative = message.header.flags.contains(AddressHeaderFlags::Tentative);
    Some(InstalledAddress { index: IfIndex(message.header.index), net, is_own, is_tentative })
}
