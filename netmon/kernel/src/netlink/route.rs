//! Static routes. Those that netmon adds carry its protocol number, which distinguishes them from all others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netmon_model::lab::Route;
use rtnetlink::{
    RouteMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol},
    },
};

use super::{Netlink, NetlinkError, Request};

/// The origin of netmon's routes (`rtm_protocol`): a number that rtnetlink.h leaves to its users.
pub const PROTOCOL: u8 = 110;

/// Adds a route. Its next hop must be on a link that is up.
#[must_use]
pub fn add(route: &Route) -> Request {
    Request::new(
        format!("add route to {} via {}", route.to, route.via),
        RouteNetlinkMessage::NewRoute(message(route)),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Removes a route.
#[must_use]
pub fn remove(route: &Route) -> Request {
    Request::new(
        format!("remove route to {} via {}", route.to, route.via),
        RouteNetlinkMessage::DelRoute(message(route)),
        0,
    )
}

fn message(route: &Route) -> RouteMessage {
    let protocol = RouteProtocol::from(PROTOCOL);
    let (to, length) = (route.to.network(), route.to.prefix_len());
    match (to, route.via) {
        (IpAddr::V4(to), IpAddr::V4(via)) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, length)
            .gateway(via)
            .protocol(protocol)
            .build(),
        (IpAddr::V4(to), IpAddr::V6(via)) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, length)
            .via(via)
            .protocol(protocol)
            .build(),
        (IpAddr::V6(to), via) => {
            let via = match via {
                IpAddr::V6(via) => via,
                IpAddr::V4(via) => via.to_ipv6_mapped(),
            };
            RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(to, length)
                .gateway(via)
                .protocol(protocol)
                .build()
        }
    }
}

impl Netlink {
    /// Returns the routes of the namespace that netmon added.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn own_routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let request = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        self.dump("list routes", &request, own_route)
    }
}

fn own_route(row: RouteNetlinkMessage) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(message) = row else { return None };
    if message.header.protocol != RouteProtocol::from(PROTOCOL) {
        return None;
    }
    let length = message.header.destination_prefix_length;
    // Without RTA_DST it is the default route.
    let mut to = match message.header.address_family {
        AddressFamily::Inet => IpNet::V4(Ipv4Net::new(Ipv4Addr::UNSPECIFIED, length).ok()?),
        AddressFamily::Inet6 => IpNet::V6(Ipv6Net::new(Ipv6Addr::UNSPECIFIED, length).ok()?),
        _ => return None,
    };
    let mut via = None;
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => to = IpNet::new(ip(&address)?, length).ok()?,
            RouteAttribute::Gateway(address) => via = ip(&address),
            RouteAttribute::Via(rtnetlink::packet_route::route::RouteVia::Inet6(address)) => {
                via = Some(address.into());
            }
            _ => {}
        }
    }
    Some(Route { to, via: via? })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
