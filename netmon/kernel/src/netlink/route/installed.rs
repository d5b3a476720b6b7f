//! Routes as the kernel lists them, as far as they can be in the place of one that netmon adds.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netmon_model::names::IfIndex;
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        route::{
            RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType,
            RouteVia,
        },
    },
};

use super::{
    super::{Netlink, NetlinkError, Request},
    PROTOCOL,
};

/// The metric of an IPv6 route that is added without one (`IP6_RT_PRIO_USER`). Of IPv4 it is 0.
const USUAL_IPV6_METRIC: u32 = 1024;

/// A route of the main table, with the metric that netmon's routes have.
///
/// The kernel has one such route for a destination, and refuses another.
#[derive(Clone, Debug)]
pub struct InstalledRoute {
    /// The destination.
    pub to: IpNet,
    /// The next hops. Empty for a route without one, for example to a network that an interface is in.
    pub via: Vec<IpAddr>,
    /// The interfaces that it leads through.
    pub interfaces: Vec<IfIndex>,
    /// Whether it carries netmon's protocol number.
    pub is_own: bool,
    /// What it does with packets if it forwards none, for example `unreachable`.
    pub refusal: Option<&'static str>,
    message: RouteMessage,
}

impl InstalledRoute {
    /// Returns a route for tests of plans.
    #[must_use]
    pub fn example(to: IpNet, via: &[IpAddr], interfaces: &[IfIndex], is_own: bool) -> Self {
        let (via, interfaces) = (via.to_vec(), interfaces.to_vec());
        Self { to, via, interfaces, is_own, refusal: None, message: RouteMessage::default() }
    }

    /// Returns the request that adds this route again, in place of the one for its destination.
    #[must_use]
    pub fn restore(&self) -> Request {
        let mut message = self.message.clone();
        // The kernel refuses states such as "link down" in a request.
        message.header.flags &= RouteFlags::Onlink;
        let has_object = message.attributes.iter().any(|part| matches!(part, RouteAttribute::NhId(_)));
        message.attributes.retain(|part| match part {
            RouteAttribute::CacheInfo(_) => false,
            // A next-hop object says all of this.
            RouteAttribute::Gateway(_)
            | RouteAttribute::Via(_)
            | RouteAttribute::Oif(_)
            | RouteAttribute::MultiPath(_) => !has_object,
            _ => true,
        });
        Request::new(
            format!("restore the route to {} {self}", self.to),
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }
}

/// Where it leads, as the end of a sentence: `via 10.0.0.3`, `without a next hop`.
impl fmt::Display for InstalledRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.refusal, &self.via[..]) {
            (Some(refusal), _) => write!(f, "that is {refusal}"),
            (None, []) => f.write_str("without a next hop"),
            (None, [first, others @ ..]) => {
                write!(f, "via {first}")?;
                others.iter().try_for_each(|other| write!(f, " and {other}"))
            }
        }
    }
}

impl Netlink {
    /// Returns the routes of the namespace that are in the main table and have the metric of netmon's own.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn routes(&mut self) -> Result<Vec<InstalledRoute>, NetlinkError> {
        let request = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        self.dump("list routes", &request, route)
    }
}

pub(in crate::netlink) fn route(row: RouteNetlinkMessage) -> Option<InstalledRoute> {
    let RouteNetlinkMessage::NewRoute(message) = row else { return None };
    let header = &message.header;
    let is_ipv6 = header.address_family == AddressFamily::Inet6;
    let is_plain = header.tos == 0
        && header.source_prefix_length == 0
        && header.table == RouteHeader::RT_TABLE_MAIN
        && !header.flags.contains(RouteFlags::Cloned);
    if !is_plain || metric(&message) != if is_ipv6 { USUAL_IPV6_METRIC } else { 0 } {
        return None;
    }
    let refusal = match header.kind {
        RouteType::Unicast => None,
        RouteType::BlackHole => Some("blackhole"),
        RouteType::Unreachable => Some("unreachable"),
        RouteType::Prohibit => Some("prohibit"),
        _ => return None,
    };
    let is_own = header.protocol == RouteProtocol::from(PROTOCOL);
    let (mut via, mut interfaces) = (Vec::new(), Vec::new());
    hops(&message.attributes, &mut via, &mut interfaces);
    Some(InstalledRoute { to: destination(&message)?, via, interfaces, is_own, refusal, message })
}

fn metric(message: &RouteMessage) -> u32 {
    let metric = message.attributes.iter().find_map(|part| match part {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    metric.unwrap_or_default()
}

/// Returns the destination. Without RTA_DST it is the default route.
fn destination(message: &RouteMessage) -> Option<IpNet> {
    let length = message.header.destination_prefix_length;
    let given = message.attributes.iter().find_map(|part| match part {
        RouteAttribute::Destination(address) => ip(address),
        _ => None,
    });
    match (given, message.header.address_family) {
        (Some(address), _) => IpNet::new(address, length).ok(),
        (None, AddressFamily::Inet) => Ipv4Net::new(Ipv4Addr::UNSPECIFIED, length).ok().map(IpNet::V4),
        (None, AddressFamily::Inet6) => Ipv6Net::new(Ipv6Addr::UNSPECIFIED, length).ok().map(IpNet::V6),
        _ => None,
    }
}

fn hops(attributes: &[RouteAttribute], via: &mut Vec<IpAddr>, interfaces: &mut Vec<IfIndex>) {
    for attribute in attributes {
        match attribute {
            RouteAttribute::Gateway(address) => via.extend(ip(address)),
            RouteAttribute::Via(RouteVia::Inet6(address)) => via.push((*address).into()),
            RouteAttribute::Oif(index) => interfaces.push(IfIndex(*index)),
            RouteAttribute::MultiPath(several) => {
                for hop in several {
                    interfaces.push(IfIndex(hop.interface_index));
                    hops(&hop.attributes, via, interfaces);
                }
            }
            _ => {}
        }
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::lab::Route;

    use super::*;
    use crate::netlink::route;

    /// Returns netmon's own route to this destination as the kernel would list it.
    fn listed(to: &str, via: &str, change: impl FnOnce(&mut RouteMessage)) -> Option<InstalledRoute> {
        let asked = Route { to: to.parse().unwrap(), via: via.parse().unwrap() };
        let mut message = route::message(&asked);
        message.header.kind = RouteType::Unicast;
        if asked.to.addr().is_ipv6() {
            message.attributes.push(RouteAttribute::Priority(USUAL_IPV6_METRIC));
        }
        change(&mut message);
        route(RouteNetlinkMessage::NewRoute(message))
    }

    #[test]
    fn a_route_is_read_as_it_was_added() {
        for (to, via) in [("0.0.0.0/0", "10.0.0.2"), ("10.9.0.0/16", "10.0.0.2"), ("::/0", "fd00::2")] {
            let there = listed(to, via, |_| {}).unwrap();
            assert_eq!((there.to.to_string().as_str(), there.to_string()), (to, format!("via {via}")));
            assert!(there.is_own);
        }
    }

    #[test]
    fn a_route_of_another_metric_or_table_is_in_the_place_of_none() {
        let metric = |message: &mut RouteMessage| message.attributes.push(RouteAttribute::Priority(100));
        assert!(listed("0.0.0.0/0", "10.0.0.2", metric).is_none());
        assert!(listed("0.0.0.0/0", "10.0.0.2", |message| message.header.table = 100).is_none());
        assert!(listed("0.0.0.0/0", "10.0.0.2", |message| message.header.tos = 8).is_none());
    }

    #[test]
    fn a_route_without_a_next_hop_says_what_it_does() {
        let unreachable = |message: &mut RouteMessage| {
            message.header.kind = RouteType::Unreachable;
            message.header.protocol = RouteProtocol::Boot;
        };
        let there = listed("0.0.0.0/0", "10.0.0.2", unreachable).unwrap();
        assert_eq!(there.to_string(), "that is unreachable");
        assert!(!there.is_own);
    }
}
