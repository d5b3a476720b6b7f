//! The two ends of a link of a lab that is there: found by what was written down when it was made.

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

/// One end, with a socket to ask its namespace.
#[derive(Debug)]
pub struct End {
    /// As the datapath wants it; its addresses are those that it has now.
    pub endpoint: Endpoint,
    netlink: Netlink,
}

impl End {
    /// Both ends of a link, a first.
    ///
    /// # Errors
    ///
    /// When one of them is gone, or both are in one namespace.
    pub fn both(link: &RecordedLink) -> Result<[Self; 2], OverheadError> {
        let ends = [Self::find(&link.name, Side::A, &link.a)?, Self::find(&link.name, Side::B, &link.b)?];
        let [a, b] = ends.each_ref().map(|end| end.endpoint.netns.identity());
        if a == b { Err(OverheadError::OneNamespace(link.name.clone())) } else { Ok(ends) }
    }

    fn find(link: &LinkName, side: Side, recorded: &RecordedInterface) -> Result<Self, OverheadError> {
        let netns = NetNs::open(&recorded.namespace)?;
        let mut netlink = Netlink::open_in(&netns)?;
        let interfaces = netlink.interfaces()?;
        // By the address that netmon chose: the name may have been changed, and the number may be another's.
        let there = interfaces.into_iter().find(|there| there.mac == Some(recorded.mac));
        let there = there.ok_or_else(|| gone(&recorded.namespace, recorded.interface.as_str()))?;
        let (ifindex, cookie) = (IfIndex(there.index), netlink.cookie()?);
        let addresses = netlink.addresses()?;
        let of_this =
            addresses.into_iter().filter(|(index, _)| *index == ifindex).map(|(_, address)| address);
        Ok(Self {
            endpoint: Endpoint {
                link: link.clone(),
                side,
                namespace: recorded.namespace.clone(),
                interface: recorded.interface.clone(),
                ifindex,
                peer_ifindex: IfIndex(there.peer_index.unwrap_or_default()),
                netns: Arc::new(netns),
                cookie,
                addresses: of_this.collect(),
            },
            netlink,
        })
    }

    /// The interface as the kernel has it now, with its counters.
    pub(super) fn interface(&mut self) -> Result<Interface, OverheadError> {
        let Endpoint { namespace, interface, ifindex, .. } = &self.endpoint;
        let mut interfaces = self.netlink.interfaces_with_stats()?.into_iter();
        let this = interfaces.find(|there| there.index == ifindex.0);
        this.ok_or_else(|| gone(namespace, interface.as_str()))
    }
}

fn gone(namespace: &NsName, interface: &str) -> OverheadError {
    OverheadError::Gone { interface: interface.to_owned(), namespace: namespace.to_string() }
}

/// An address of each end, by which they reach each other: those of one prefix, IPv4 first, and link-local ones
/// where there are no others.
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

/// Whether each is in the other's prefix.
fn reach(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.addr()) && other.contains(&one.addr()) && one.addr() != other.addr()
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
