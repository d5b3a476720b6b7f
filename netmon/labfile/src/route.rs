//! The static routes of a namespace, checked against the addresses of its links.

use std::{collections::HashSet, net::IpAddr, ops::Range};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netmon_model::{lab::Route, names::NsName};

use super::{
    address,
    index::{HeldAddresses, Index},
    report::Report,
    section::Section,
};

/// Reads the routes of `namespace`. All links must be in `index` already.
pub(super) fn read(
    sections: &[Section<'_, '_>],
    namespace: Option<&NsName>,
    index: &Index,
    report: &mut Report<'_>,
) -> Vec<Route> {
    let mut destinations = HashSet::new();
    let mut routes = Vec::with_capacity(sections.len());
    for section in sections {
        let via = read_via(section, namespace, index, report);
        let Some(to) = read_to(section, via.as_ref().map(|(via, _)| *via), report) else {
            continue;
        };
        if !destinations.insert(to.net) {
            let message = format!("there are two routes to {}", to.net);
            report.error(to.at.clone(), message, "keep one of them: the kernel would refuse the second");
        }
        if let (Some(namespace), IpNet::V4(_)) = (namespace, to.net)
            && index.held(namespace).is_some_and(|held| held.is_connected(to.net))
        {
            let message = format!("{namespace} is already connected to {}", to.net);
            report.error(to.at, message, "remove the route: the address on the link implies it");
        }
        routes.extend(via.map(|(via, _)| Route { to: to.net, via }));
    }
    routes
}

struct Destination {
    net: IpNet,
    at: Range<usize>,
}

fn read_to(section: &Section<'_, '_>, via: Option<IpAddr>, report: &mut Report<'_>) -> Option<Destination> {
    let written = section.string("to", report)?;
    let at = written.span();
    if *written.get_ref() == "default" {
        return Some(Destination { net: default_for(via?), at });
    }
    let net = address::network(&written, report)?;
    if let Some(via) = via.filter(|via| via.is_ipv4() != net.addr().is_ipv4()) {
        let right = if net.addr().is_ipv4() { "IPv4" } else { "IPv6" };
        let message = format!("destination {net} and next hop {via} are of different families");
        report.error(at, message, format!("write an {right} address as `via`"));
        return None;
    }
    Some(Destination { net, at })
}

/// Returns the default route of the family of `via`.
fn default_for(via: IpAddr) -> IpNet {
    match via {
        IpAddr::V4(_) => IpNet::V4(Ipv4Net::default()),
        IpAddr::V6(_) => IpNet::V6(Ipv6Net::default()),
    }
}

fn read_via(
    section: &Section<'_, '_>,
    namespace: Option<&NsName>,
    index: &Index,
    report: &mut Report<'_>,
) -> Option<(IpAddr, Range<usize>)> {
    let written = section.string("via", report)?;
    let via = address::host(&written, report)?;
    let at = written.span();
    let Some(namespace) = namespace else {
        return Some((via, at));
    };
    let refusal = match index.held(namespace) {
        _ if is_link_local(via) => Some((
            format!("next hop {via} is link-local, and a route does not name an interface"),
            "write a global address of the neighbour".to_owned(),
        )),
        Some(held) if held.has(via) => Some((
            format!("next hop {via} is an address of {namespace} itself"),
            "write the address of the neighbour at the other end of the link".to_owned(),
        )),
        _ if !index.knows_all_of(namespace) => None,
        Some(held) => not_a_neighbour(via, namespace, held),
        None => Some((
            format!("next hop {via} cannot be reached: {namespace} has no address"),
            format!("give an end of a link in {namespace} an address in the next hop's network"),
        )),
    };
    if let Some((message, help)) = refusal {
        report.error(at.clone(), message, help);
    }
    Some((via, at))
}

fn not_a_neighbour(via: IpAddr, namespace: &NsName, held: &HeldAddresses) -> Option<(String, String)> {
    let Some(network) = held.network_of(via) else {
        return Some((
            format!("next hop {via} is not on a link of {namespace}"),
            format!("write an address in a network that {namespace} has an address in"),
        ));
    };
    let IpNet::V4(v4) = network else {
        return None;
    };
    let is_not_a_host =
        v4.prefix_len() < 31 && (via == IpAddr::V4(v4.network()) || via == IpAddr::V4(v4.broadcast()));
    is_not_a_host.then(|| {
        (format!("next hop {via} is not a host of {v4}"), "write the address of the neighbour".to_owned())
    })
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
