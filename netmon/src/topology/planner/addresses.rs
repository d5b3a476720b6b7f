//! Which addresses an interface loses and gets.
//!
//! Only the lab's own are removed. What DHCP, a router advertisement or another program added stays.

use ipnet::IpNet;

use crate::{ownership::mark::Owner, topology::actual::ActualAddress};

/// A change of an interface's addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AddressChange {
    /// Whether foreign addresses stay only if the kernel makes one of them primary, since their primary goes.
    pub(super) promotes: bool,
    /// In the order in which they are to be removed.
    pub(super) removed: Vec<IpNet>,
    pub(super) added: Vec<IpNet>,
}

impl AddressChange {
    /// Returns the change from `there`, which is in the order of the kernel's list, to `wanted`.
    ///
    /// The first IPv4 address of a network is primary, and the others are secondary. Unless `promote_secondaries` is
    /// set, the kernel removes all of a network if its primary goes (`__inet_del_ifa` in net/ipv4/devinet.c). So do
    /// these steps, secondaries first, and those that stay are added again. A foreign secondary cannot be added again as
    /// it was, so the setting is needed for it.
    pub(super) fn between(there: &[ActualAddress], wanted: &[IpNet]) -> Self {
        let is_unwanted = |address: &ActualAddress| is_unwanted(address, wanted);
        let loses_primary = |address: &ActualAddress| {
            let primary = there.iter().find(|first| is_same_network(&first.net, &address.net));
            primary.is_some_and(is_unwanted)
        };
        let is_foreign = |address: &ActualAddress| address.owner == Owner::Foreign && !is_unwanted(address);
        let promotes = there.iter().any(|address| is_foreign(address) && loses_primary(address));
        let goes = |address: &&ActualAddress| is_unwanted(address) || (!promotes && loses_primary(address));
        let removed: Vec<IpNet> = there.iter().rev().filter(goes).map(|address| address.net).collect();
        let stays = |net: &IpNet| there.iter().any(|there| there.net == *net) && !removed.contains(net);
        Self { promotes, added: wanted.iter().filter(|net| !stays(net)).copied().collect(), removed }
    }
}

/// Returns whether an address is to be removed: one of the lab's that is not wanted any more, or one that is wanted with
/// another prefix length, as a change by hand leaves it.
fn is_unwanted(address: &ActualAddress, wanted: &[IpNet]) -> bool {
    let is_replaced = || wanted.iter().any(|wanted| wanted.addr() == address.net.addr());
    !wanted.contains(&address.net) && (address.owner == Owner::Ours || is_replaced())
}

/// Returns whether one of two addresses is secondary to the other.
fn is_same_network(one: &IpNet, other: &IpNet) -> bool {
    one.addr().is_ipv4() && one.trunc() == other.trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses addresses. A `*` marks a foreign one.
    fn addresses(texts: &[&str]) -> Vec<ActualAddress> {
        let parse = |text: &&str| ActualAddress {
            net: text.trim_end_matches('*').parse().unwrap(),
            owner: Owner::ours_if(!text.ends_with('*')),
        };
        texts.iter().map(parse).collect()
    }

    fn between(there: &[&str], wanted: &[&str]) -> AddressChange {
        let wanted: Vec<IpNet> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        AddressChange::between(&addresses(there), &wanted)
    }

    fn change(there: &[&str], wanted: &[&str]) -> [Vec<String>; 2] {
        let AddressChange { removed, added, .. } = between(there, wanted);
        [removed, added].map(|addresses| addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_what_differs_is_changed() {
        let (three, two) = (["10.0.0.1/24", "10.1.0.1/24", "fd00::1/64"], ["10.1.0.1/24", "fd00::2/64"]);
        assert_eq!(change(&three, &three), [vec![""; 0], vec![]]);
        assert_eq!(change(&three, &two), [vec!["fd00::1/64", "10.0.0.1/24"], vec!["fd00::2/64"]]);
    }

    #[test]
    fn the_secondaries_of_a_primary_that_goes_are_removed_first_and_added_again() {
        let there = ["10.0.0.1/24", "10.0.0.9/25", "10.0.0.2/24", "10.0.0.3/24"];
        let [removed, added] = change(&there, &["10.0.0.9/25", "10.0.0.3/24"]);
        assert_eq!(removed, ["10.0.0.3/24", "10.0.0.2/24", "10.0.0.1/24"]);
        assert_eq!(added, ["10.0.0.3/24"]);
        assert_eq!(change(&there, &there[..2]), [vec!["10.0.0.3/24", "10.0.0.2/24"], vec![]]);
        assert_eq!(change(&["fd00::1/64", "fd00::2/64"], &["fd00::2/64"]), [vec!["fd00::1/64"], vec![]]);
    }

    #[test]
    fn foreign_addresses_stay_whatever_the_file_has() {
        let there = ["10.0.0.1/24", "10.0.0.77/24*", "fd00::77/64*", "fe80::2/64*", "fe80::1/64"];
        assert_eq!(change(&there, &["10.0.0.1/24", "fe80::1/64"]), [vec![""; 0], vec![]]);
        assert_eq!(change(&there, &["10.0.0.1/24"]), [vec!["fe80::1/64"], vec![]]);
        assert_eq!(change(&["10.0.0.77/24*"], &["10.0.0.77/24"]), [vec![""; 0], vec![]]);
    }

    #[test]
    fn foreign_secondaries_of_a_primary_that_goes_need_promotion() {
        let there = ["10.0.0.1/24", "10.0.0.77/24*", "10.0.0.2/24"];
        let changed = between(&there, &["10.0.0.2/24"]);
        assert!(changed.promotes && changed.added.is_empty(), "{changed:?}");
        assert_eq!(changed.removed, ["10.0.0.1/24".parse().unwrap()]);
        assert!(!between(&there, &["10.0.0.1/24"]).promotes, "the primary stays");
        assert!(!between(&["fd00::1/64", "fd00::7/64*"], &[]).promotes, "IPv6 has no secondaries");
    }

    #[test]
    fn a_wanted_address_with_another_prefix_length_is_replaced() {
        let [removed, added] = change(&["fd00::1/80*", "10.0.0.1/16"], &["fd00::1/64", "10.0.0.1/24"]);
        assert_eq!(removed, ["10.0.0.1/16", "fd00::1/80"]);
        assert_eq!(added, ["fd00::1/64", "10.0.0.1/24"]);
    }
}
