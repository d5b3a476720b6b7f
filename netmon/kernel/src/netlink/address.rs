//! Addresses of interfaces.
//!
//! IPv6 addresses are added without duplicate address detection. netmon created the link and knows both ends of it, and
//! while an address is tentative, for up to two seconds, a ping to it fails.

use std::net::IpAddr;

use ipnet::IpNet;
use netmon_model::names::IfIndex;
use rtnetlink::{
    AddressMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    },
};

use super::{Netlink, NetlinkError, Request};

/// Adds an address to an interface, and with it the route to its prefix.
#[must_use]
pub fn add(index: IfIndex, name: &str, address: IpNet) -> Request {
    let mut message = message(index, address);
    if address.addr().is_ipv6() {
        message.header.flags |= AddressHeaderFlags::Nodad;
    }
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
    /// Returns every address in the namespace, with its interface.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn addresses(&mut self) -> Result<Vec<(IfIndex, IpNet)>, NetlinkError> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump("list addresses", &request, address)
    }
}

fn address(row: RouteNetlinkMessage) -> Option<(IfIndex, IpNet)> {
    let RouteNetlinkMessage::NewAddress(message) = row else { return None };
    let (mut local, mut address) = (None::<IpAddr>, None::<IpAddr>);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            _ => {}
        }
    }
    // If both are given, IFA_LOCAL is the interface's own address (if_addr.h).
    let net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
    Some((IfIndex(message.header.index), net))
}
