//! Finds the two ends of a link of an existing lab, by the lab's recorded state.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    sync::Arc,
};

use ipnet::IpNet;
use netmon_kernel::{
    netlink::{Netlink, link::Interface},
    netns::NetNs,
};
use netmon_model::names::{IfIndex, LinkName, NsName, Side};

use super::OverheadError;
use crate::{
    ownership::state::{RecordedInterface, RecordedLink},
    topology::Endpoint,
};

/// One end, with a netlink socket in its namespace.
#[derive(Debug)]
pub struct End {
    /// The endpoint, with its current addresses.
    pub endpoint: Endpoint,
    netlink: Netlink,
}

impl End {
    /// Finds both ends of a link, a first.
    ///
    /// # Errors
    ///
    /// Fails if an end no longer exists, both are in one namespace, or one is in a container.
    pub fn both(link: &RecordedLink) -> Result<[Self; 2], OverheadError> {
        if link.in_container {
            return Err(OverheadError::InContainer(link.name.clone()));
        }
        let ends = [Self::find(&link.name, Side::A, &link.a)?, Self::find(&link.name, Side::B, &link.b)?];
        let [a, b] = ends.each_ref().map(|end| end.endpoint.netns.identity());
        if a == b { Err(OverheadError::OneNamespace(link.name.clone())) } else { Ok(ends) }
    }

    fn find(link: &LinkName, side: Side, recorded: &RecordedInterface) -> Result<Self, OverheadError> {
        let netns = NetNs::open(&recorded.namespace)?;
        let mut netlink = Netlink::open_in(&netns)?;
        let interfaces = netlink.interfaces()?;
        // Search by the MAC address that netmon chose: the interface may have been renamed, and its index may have been
        // reused.
        let found = interfaces.into_iter().find(|interface| interface.mac == Some(recorded.mac));
        let found = found.ok_or_else(|| missing(&recorded.namespace, recorded.interface.as_str()))?;
        let (ifindex, cookie) = (IfIndex(found.index), netlink.cookie()?);
        let addresses = netlink.addresses()?;
        let of_this = addresses.into_iter().filter(|there| there.index == ifindex).map(|there| there.net);
        Ok(Self {
            endpoint: Endpoint {
                link: link.clone(),
                side,
                namespace: recorded.namespace.clone(),
                interface: recorded.interface.clone(),
                ifindex,
                peer_ifindex: IfIndex(found.peer_index.unwrap_or_default()),
                netns: Arc::new(netns),
                cookie,
                addresses: of_this.collect(),
                in_container: false,
            },
            netlink,
        })
    }

    /// Reads the interface with its counters.
    pub(super) fn interface(&mut self) -> Result<Interface, OverheadError> {
        let Endpoint { namespace, interface, ifindex, .. } = &self.endpoint;
        let mut interfaces = self.netlink.interfaces_with_stats()?.into_iter();
        let found = interfaces.find(|found| found.index == ifindex.0);
        found.ok_or_else(|| missing(namespace, interface.as_str()))
    }
}

fn missing(namespace: &NsName, interface: &str) -> OverheadError {
    OverheadError::NoInterface { interface: interface.to_owned(), namespace: namespace.to_string() }
}

/// Returns an address of each end in a common prefix: IPv4 if possible, and link-local only if there is no other.
///
/// Returns `None` if there is no common prefix.
pub(super) fn addresses([a, b]: &[End; 2]) -> Option<[SocketAddr; 2]> {
    let mut pairs: Vec<(IpNet, IpNet)> = Vec::new();
    for &one in &a.endpoint.addresses {
        pairs.extend(
            b.endpoint.addresses.iter().filter(|other| reach(one, **other)).map(|&other| (one, other)),
        );
    }
    pairs.sort_by_key(|(one, _)| (is_link_local(one.addr()), one.addr().is_ipv6()));
    let (one, other) = pairs.first()?;
    let socket_address = |address: IpAddr, end: &End| match address {
        IpAddr::V6(address) if is_link_local(address.into()) => {
            SocketAddrV6::new(address, 0, 0, end.endpoint.ifindex.0).into()
        }
        address => SocketAddr::new(address, 0),
    };
    Some([socket_address(one.addr(), a), socket_address(other.addr(), b)])
}

/// Returns whether each address is in the other's prefix.
fn reach(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.addr()) && other.contains(&one.addr()) && one.addr() != other.addr()
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
