//! Addresses of interfaces. IPv6 addresses are set without duplicate address detection: netmon made the
//! link and knows who is on it, and an address that is tentative for two seconds is a ping that fails.

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

/// Gives an interface an address, and with it the route to its prefix.
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

/// Takes an address away.
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
    /// Every address of the namespace with the interface it is on.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn addresses(&mut self) -> Result<Vec<(IfIndex, IpNet)>, NetlinkError> {
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump("list addresses", &question, address)
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
    // IFA_LOCAL is the interface's own where both are given (if_addr.h).
    let net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
    Some((IfIndex(message.header.index), net))
}
