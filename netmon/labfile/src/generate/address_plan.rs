//! Assigns the addresses of a generated lab, all of them inside one network.
//!
//! Consecutive links have consecutive /30s. So a row of links is a range of addresses, and a long chain needs few
//! routes.

use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv4Subnets};

/// Addresses of a link: the network's own, two ends, the broadcast address.
const PER_LINK: u32 = 4;
/// The prefix length of a link's network.
const LINK_PREFIX: u8 = 30;
/// A bridge's network has at least the usual size, if there is room.
const USUAL_PREFIX: u8 = 24;

/// A network whose addresses are assigned in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressPlan {
    base: Ipv4Net,
}

impl AddressPlan {
    pub(super) fn new(base: Ipv4Net) -> Self {
        Self { base: base.trunc() }
    }

    /// The whole network.
    pub(super) fn base(self) -> Ipv4Net {
        self.base
    }

    /// The number of links that it has addresses for.
    pub(super) fn links(self) -> usize {
        usize::try_from(self.size() / u64::from(PER_LINK)).unwrap_or(usize::MAX)
    }

    /// The number of hosts that it has addresses for, as one network.
    pub(super) fn hosts(self) -> usize {
        usize::try_from(self.size().saturating_sub(2)).unwrap_or(usize::MAX)
    }

    fn size(self) -> u64 {
        1 << (32 - self.base.prefix_len())
    }

    /// The addresses of a link's two ends, `a` and `b`, by the link's number from 0.
    pub(super) fn link(self, number: usize) -> [Ipv4Net; 2] {
        let network = PER_LINK * in_plan(number);
        [1, 2].map(|end| self.net(network + end, LINK_PREFIX))
    }

    /// The fewest networks that make up the halves `first..end`. A half is an end of a link: half `2 n` has the address
    /// of end `a` of link `n`, half `2 n + 1` that of end `b`.
    pub(super) fn halves(self, first: usize, end: usize) -> Vec<Ipv4Net> {
        if first >= end {
            return Vec::new();
        }
        let [first, end] = [first, end].map(|half| in_plan(half) * (PER_LINK / 2));
        Ipv4Subnets::new(self.address(first), self.address(end - 1), 0).collect()
    }

    /// The addresses of `count` hosts in one network: a /24, or the smallest larger one that they fit in.
    pub(super) fn hosts_of_one_network(self, count: usize) -> impl Iterator<Item = Ipv4Net> {
        let needed = u64::from(in_plan(count)) + 2;
        let bits = u64::BITS - (needed - 1).leading_zeros();
        let fitting = u8::try_from(u32::BITS.saturating_sub(bits)).unwrap_or(0).min(USUAL_PREFIX);
        let prefix = fitting.max(self.base.prefix_len());
        (1..=in_plan(count)).map(move |host| self.net(host, prefix))
    }

    fn net(self, offset: u32, prefix: u8) -> Ipv4Net {
        Ipv4Net::new_assert(self.address(offset), prefix)
    }

    fn address(self, offset: u32) -> Ipv4Addr {
        (u32::from(self.base.network()) | offset).into()
    }
}

/// A number that was checked against the size of the plan, so it fits.
fn in_plan(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(base: &str) -> AddressPlan {
        AddressPlan::new(base.parse().unwrap())
    }

    fn shown(nets: impl IntoIterator<Item = Ipv4Net>) -> Vec<String> {
        nets.into_iter().map(|net| net.to_string()).collect()
    }

    #[test]
    fn links_follow_each_other_up_to_the_last_address() {
        let plan = plan("10.9.0.7/24");
        assert_eq!(plan.base().to_string(), "10.9.0.0/24");
        assert_eq!(shown(plan.link(0)), ["10.9.0.1/30", "10.9.0.2/30"]);
        assert_eq!(plan.links(), 64);
        assert_eq!(shown(plan.link(63)), ["10.9.0.253/30", "10.9.0.254/30"]);
    }

    #[test]
    fn a_range_of_halves_is_a_few_networks() {
        let plan = plan("10.9.0.0/24");
        assert_eq!(shown(plan.halves(0, 128)), ["10.9.0.0/24"]);
        assert_eq!(shown(plan.halves(1, 4)), ["10.9.0.2/31", "10.9.0.4/30"]);
        assert_eq!(shown(plan.halves(4, 4)), [""; 0]);
    }

    #[test]
    fn the_network_of_many_hosts_is_as_small_as_possible() {
        let prefix = |base: &str, count| {
            plan(base).hosts_of_one_network(count).last().map(|net| net.to_string()).unwrap()
        };
        assert_eq!(prefix("10.9.0.0/16", 3), "10.9.0.3/24");
        assert_eq!(prefix("10.9.0.0/16", 254), "10.9.0.254/24");
        assert_eq!(prefix("10.9.0.0/16", 255), "10.9.0.255/23");
        assert_eq!(prefix("10.9.0.0/28", 14), "10.9.0.14/28");
    }

    #[test]
    fn a_network_that_is_too_small_has_no_links_and_no_hosts() {
        assert_eq!((plan("10.9.0.0/32").links(), plan("10.9.0.0/32").hosts()), (0, 0));
        assert_eq!((plan("10.9.0.0/31").links(), plan("10.9.0.0/30").links()), (0, 1));
    }
}
