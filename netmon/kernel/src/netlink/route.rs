//! Static routes. Those that netmon adds carry its protocol number, which distinguishes them from all others.

pub(super) mod installed;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netmon_model::lab::Route;
use rtnetlink::{
    RouteMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        RouteNetlinkMessage,
        route::{RouteMessage, RouteProtocol},
    },
};

pub use self::installed::InstalledRoute;
use super::Request;

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

/// Adds a route, in place of the one that the kernel has for its destination.
#[must_use]
pub fn replace(route: &Route) -> Request {
    Request::new(
        format!("set route to {} via {}", route.to, route.via),
        RouteNetlinkMessage::NewRoute(message(route)),
        NLM_F_CREATE | NLM_F_REPLACE,
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
