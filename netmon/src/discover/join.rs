//! Which interfaces belong together: pairs of which each end points at the other, and ends without a peer.
//!
//! Only veth and netkit come in pairs. `IFLA_LINK` of a macvlan or VLAN is its lower device. An ifindex means something only
//! together with a namespace: both ends of a pair often have the same.

use netmon_kernel::netlink::observer::{Nsid, ObservedInterface};
use netmon_model::{
    names::IfIndex,
    survey::{LoneReason, PairKind},
};

use super::walk::{Listing, Table};

/// Where an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    /// Its namespace.
    pub(super) nsid: Nsid,
    /// Its number there.
    pub(super) ifindex: IfIndex,
}

/// What belongs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Joined {
    /// The pairs, in the order of their first end.
    pub(super) pairs: Vec<(PairKind, [At; 2])>,
    /// The ends without a peer.
    pub(super) lone: Vec<(At, LoneReason)>,
}

/// Joins the interfaces of a table. Other interfaces than pairs are among the ends without a peer if `asked` returns true of their
/// kind.
pub(super) fn join(table: &Table, asked: impl Fn(Option<&str>) -> bool) -> Joined {
    let mut joined = Joined::default();
    for (nsid, listing) in table {
        for interface in listing.interfaces() {
            let at = At { nsid: *nsid, ifindex: interface.ifindex };
            match interface.kind.as_deref().and_then(PairKind::parse) {
                Some(kind) => add_end(&mut joined, table, (kind, at), interface),
                None if is_loopback(interface) => {}
                None if asked(interface.kind.as_deref()) => joined.lone.push((at, LoneReason::Asked)),
                None => joined.lone.extend(other_kind(interface).map(|reason| (at, reason))),
            }
        }
    }
    joined
}

fn add_end(joined: &mut Joined, table: &Table, (kind, at): (PairKind, At), interface: &ObservedInterface) {
    match peer(table, at, interface) {
        // Met at its other end already.
        Ok(peer) if peer < at => {}
        Ok(peer) => joined.pairs.push((kind, [at, peer])),
        Err(reason) => joined.lone.push((at, reason)),
    }
}

/// Returns the peer, if it points back.
fn peer(table: &Table, at: At, interface: &ObservedInterface) -> Result<At, LoneReason> {
    let peer = points_to(at, interface).ok_or(LoneReason::PeerMissing)?;
    match table.get(&peer.nsid) {
        Some(Listing::Unreadable(_)) => Err(LoneReason::PeerOutOfReach),
        Some(Listing::Interfaces(interfaces)) => {
            let other = interfaces.iter().find(|other| other.ifindex == peer.ifindex);
            let points_back =
                other.is_some_and(|other| other.kind == interface.kind && points_to(peer, other) == Some(at));
            if points_back { Ok(peer) } else { Err(LoneReason::PeerMissing) }
        }
        None if peer.nsid.0 < 0 => Err(LoneReason::PeerOutOfReach),
        None => Err(LoneReason::PeerMissing),
    }
}

fn points_to(at: At, interface: &ObservedInterface) -> Option<At> {
    Some(At { nsid: interface.link_nsid.unwrap_or(at.nsid), ifindex: interface.link? })
}

/// The loopback of each namespace has no kind either, and is no hardware (`LOOPBACK_IFINDEX`).
fn is_loopback(interface: &ObservedInterface) -> bool {
    interface.kind.is_none() && interface.ifindex == IfIndex(1)
}

/// Returns why an interface of another kind leads out of its namespace, and is no end of a link. `None` if it does not.
fn other_kind(interface: &ObservedInterface) -> Option<LoneReason> {
    match interface.kind.as_deref()? {
        "macvlan" | "macvtap" | "ipvlan" | "ipvtap" => Some(LoneReason::OnLowerDevice),
        "tun" | "tap" => Some(LoneReason::Program),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(table: &Table) -> Joined {
        super::join(table, |_| false)
    }

    fn interface(ifindex: u32, kind: &str, link: u32, nsid: Option<i32>) -> ObservedInterface {
        ObservedInterface {
            ifindex: IfIndex(ifindex),
            name: format!("if{ifindex}"),
            kind: Some(kind.to_owned()),
            link: Some(IfIndex(link)),
            link_nsid: nsid.map(Nsid),
            ..ObservedInterface::default()
        }
    }

    fn at(nsid: i32, ifindex: u32) -> At {
        At { nsid: Nsid(nsid), ifindex: IfIndex(ifindex) }
    }

    fn table<const N: usize>(listings: [(i32, Vec<ObservedInterface>); N]) -> Table {
        listings.map(|(nsid, interfaces)| (Nsid(nsid), Listing::Interfaces(interfaces))).into()
    }

    #[test]
    fn ends_with_the_same_ifindex_everywhere_are_joined_by_namespace() {
        let joined = join(&table([
            (0, vec![interface(2, "veth", 2, Some(1)), interface(3, "veth", 2, Some(2))]),
            (1, vec![interface(2, "veth", 2, Some(0))]),
            (2, vec![interface(2, "veth", 3, Some(0))]),
        ]));
        let veth = PairKind::Veth;
        assert_eq!(joined.pairs, [(veth, [at(0, 2), at(1, 2)]), (veth, [at(0, 3), at(2, 2)])]);
        assert_eq!(joined.lone, []);
    }

    #[test]
    fn both_ends_may_be_in_one_namespace() {
        let joined = join(&table([(5, vec![interface(3, "veth", 4, None), interface(4, "veth", 3, None)])]));
        assert_eq!(joined.pairs, [(PairKind::Veth, [at(5, 3), at(5, 4)])]);
    }

    #[test]
    fn an_end_whose_peer_does_not_point_back_is_alone() {
        let joined = join(&table([
            (0, vec![interface(2, "veth", 7, Some(1)), interface(3, "veth", 9, Some(1))]),
            (1, vec![interface(7, "veth", 8, Some(0)), interface(9, "netkit", 3, Some(0))]),
        ]));
        assert_eq!(joined.pairs, []);
        let missing = |at| (at, LoneReason::PeerMissing);
        assert_eq!(joined.lone, [at(0, 2), at(0, 3), at(1, 7), at(1, 9)].map(missing));
    }

    #[test]
    fn a_peer_in_a_namespace_that_cannot_be_listed_is_out_of_reach() {
        let mut table =
            table([(0, vec![interface(2, "veth", 7, Some(1)), interface(3, "netkit", 7, Some(-1))])]);
        table.insert(Nsid(1), Listing::Unreadable("denied".to_owned()));
        let out_of_reach = |at| (at, LoneReason::PeerOutOfReach);
        assert_eq!(join(&table).lone, [at(0, 2), at(0, 3)].map(out_of_reach));
    }

    #[test]
    fn two_macvlans_on_one_veth_end_are_never_a_pair() {
        let joined = join(&table([
            (0, vec![interface(2, "veth", 3, None), interface(3, "veth", 2, None)]),
            (1, vec![interface(2, "macvlan", 2, Some(0))]),
            (2, vec![interface(2, "macvlan", 2, Some(0)), interface(5, "tun", 0, None)]),
        ]));
        assert_eq!(joined.pairs, [(PairKind::Veth, [at(0, 2), at(0, 3)])]);
        let lower = LoneReason::OnLowerDevice;
        assert_eq!(joined.lone, [(at(1, 2), lower), (at(2, 2), lower), (at(2, 5), LoneReason::Program)]);
    }
    #[test]
    fn interfaces_of_a_kind_that_is_asked_for_are_ends_by_themselves() {
        let mut table = table([(0, vec![interface(2, "bridge", 0, None), interface(4, "tun", 0, None)])]);
        let Some(Listing::Interfaces(interfaces)) = table.get_mut(&Nsid(0)) else { panic!("a listing") };
        let plain = |ifindex| ObservedInterface { kind: None, ..interface(ifindex, "", 0, None) };
        interfaces.extend([plain(1), plain(3)]);
        let asked = super::join(&table, |kind| matches!(kind, Some("bridge" | "tun") | None));
        let lone = [2, 4, 3].map(|ifindex| (at(0, ifindex), LoneReason::Asked));
        assert_eq!(asked.lone, lone, "lo is no hardware");
        assert_eq!(super::join(&table, |_| false).lone, [(at(0, 4), LoneReason::Program)]);
    }
}
