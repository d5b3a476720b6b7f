//! Which addresses an interface loses and gets.

use ipnet::IpNet;

/// A change of an interface's addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AddressChange {
    /// In the order in which they are to be removed.
    pub(super) removed: Vec<IpNet>,
    pub(super) added: Vec<IpNet>,
}

impl AddressChange {
    /// Returns the change from `there`, which is in the order of the kernel's list, to `wanted`.
    ///
    /// The first IPv4 address of a network is primary, and the others are secondary. Unless `promote_secondaries` is
    /// set, the kernel removes all of a network if its primary goes (`__inet_del_ifa` in net/ipv4/devinet.c). So do
    /// these steps, secondaries first, and those that stay are added again.
    pub(super) fn between(there: &[IpNet], wanted: &[IpNet]) -> Self {
        let goes = |address: &IpNet| {
            let primary = there.iter().find(|first| is_same_network(first, address));
            !wanted.contains(address) || primary.is_some_and(|primary| !wanted.contains(primary))
        };
        let removed: Vec<IpNet> = there.iter().rev().filter(|address| goes(address)).copied().collect();
        let stays = |address: &IpNet| there.contains(address) && !removed.contains(address);
        Self { added: wanted.iter().filter(|address| !stays(address)).copied().collect(), removed }
    }
}

/// Returns whether one of two addresses is secondary to the other.
fn is_same_network(one: &IpNet, other: &IpNet) -> bool {
    one.addr().is_ipv4() && one.trunc() == other.trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(there: &[&str], wanted: &[&str]) -> [Vec<String>; 2] {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        let AddressChange { removed, added } = AddressChange::between(&parse(there), &parse(wanted));
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
}
