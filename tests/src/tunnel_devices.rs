//! Tunnels of the kernel's own devices between the ends of the lab `direct`, and what they carry.

use std::{net::IpAddr, process::Command};

use crate::{
    counts::{DIRECT, assert_nothing_lost_on_the_way, handed_over},
    direct::set_offloads,
    sandbox::{run, run_in},
    transfer::transfer,
};

/// The device, in both namespaces.
const NAME: &str = "tunnel0";
/// Bytes of each transfer: dozens of super-packets.
const BYTES: usize = 3_000_000;
/// Offloads without which a super-packet in a tunnel is cut behind the egress hook.
const SEGMENTATION: [&str; 8] = [
    "tso",
    "gso",
    "tx-udp_tnl-segmentation",
    "tx-udp_tnl-csum-segmentation",
    "tx-gre-segmentation",
    "tx-gre-csum-segmentation",
    "tx-ipxip4-segmentation",
    "tx-ipxip6-segmentation",
];
/// Addresses inside the tunnel, by version of IP: those of the root namespace, and those of the other.
const INNER: [[&str; 2]; 2] = [["10.77.0.2/24", "10.77.0.3"], ["fd77::2/64", "fd77::3"]];

/// A kind of tunnel.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The type of the device, and its options, as ip(8) takes them.
    words: &'static [&'static str],
    /// Whether the outer packets are IPv6.
    outer_six: bool,
    /// Whether it carries IPv4, and whether it carries IPv6.
    carries: [bool; 2],
    /// Whether the device wants to know its own address.
    local: bool,
}

const fn kind(words: &'static [&'static str], outer_six: bool, carries: [bool; 2]) -> Kind {
    Kind { words, outer_six, carries, local: true }
}

/// All kinds.
pub const KINDS: [Kind; 11] = [
    kind(&["vxlan", "id", "7", "dstport", "4789"], false, [true; 2]),
    kind(&["vxlan", "id", "7", "dstport", "8472"], true, [true; 2]),
    Kind { local: false, ..kind(&["geneve", "id", "7"], false, [true; 2]) },
    Kind { local: false, ..kind(&["geneve", "id", "7"], true, [true; 2]) },
    kind(&["gre"], false, [true; 2]),
    kind(&["gretap", "key", "7"], false, [true; 2]),
    kind(&["ip6gre"], true, [true; 2]),
    kind(&["ip6gretap"], true, [true; 2]),
    kind(&["ipip"], false, [true, false]),
    kind(&["sit"], false, [false, true]),
    // With a limit of encapsulations, which is an extension header.
    kind(&["ip6tnl", "mode", "any"], true, [true; 2]),
];

impl Kind {
    /// Creates the device at both ends. Returns whether this kernel has such devices.
    #[must_use]
    pub fn open(self) -> bool {
        let [root, inside] =
            if self.outer_six { ["fd20::2", "fd20::3"] } else { ["10.200.0.2", "10.200.0.3"] };
        if !self.create(&[], [root, inside]) {
            return false;
        }
        assert!(self.create(&["-n", "direct_netns"], [inside, root]), "{self:?}");
        for [near, far] in INNER {
            run("ip", &["addr", "add", near, "dev", NAME, "nodad"]);
            let prefix = near.split_once('/').expect("a prefix").1;
            run(
                "ip",
                &["-n", "direct_netns", "addr", "add", &format!("{far}/{prefix}"), "dev", NAME, "nodad"],
            );
        }
        run("ip", &["link", "set", NAME, "up"]);
        run_in("direct_netns", "ip", &["link", "set", NAME, "up"]);
        true
    }

    fn create(self, within: &[&str], [own, other]: [&str; 2]) -> bool {
        let mut command = Command::new("ip");
        command.args(within).args(["link", "add", NAME, "type"]).args(self.words).args(["remote", other]);
        if self.local {
            command.args(["local", own]);
        }
        command.status().is_ok_and(|status| status.success())
    }

    /// Deletes the device.
    pub fn close(self) {
        run("ip", &["link", "delete", NAME]);
        run_in("direct_netns", "ip", &["link", "delete", NAME]);
    }

    /// The addresses in `direct_netns` that are reached through it.
    pub fn destinations(self) -> impl Iterator<Item = IpAddr> {
        let carried = self.carries.into_iter().zip(INNER).filter(|(carries, _)| *carries);
        carried.map(|(_, [_, far])| far.parse().expect("an address"))
    }
}

/// Adds addresses of IPv6 to the ends of the lab.
pub fn add_ipv6() {
    run("ip", &["addr", "add", "fd20::2/64", "dev", "veth0", "nodad"]);
    run_in("direct_netns", "ip", &["addr", "add", "fd20::3/64", "dev", "veth1", "nodad"]);
}

/// Switches the cutting of super-packets by the sender on or off.
pub fn set_segmentation(state: &str) {
    let words: Vec<_> = SEGMENTATION.iter().flat_map(|feature| [*feature, state]).collect();
    set_offloads(&words);
}

/// Sends through a tunnel, and asserts that what the hooks call wire bytes is the same at both ends.
///
/// # Panics
///
/// If it is not.
pub fn assert_equal_at_both_ends(what: &str, to: IpAddr) {
    let ends = handed_over(|| transfer(to, BYTES));
    assert_nothing_lost_on_the_way(what, &ends);
    assert!(
        ends[0].hooks[1].whole.packets < ends[0].hooks[1].wire.packets,
        "{what}: super-packets left: {ends:?}"
    );
}

/// As [`assert_equal_at_both_ends`], with the kernel's counts of received bytes where each segment arrives by itself.
///
/// # Panics
///
/// If they are not the same.
pub fn assert_equal_to_the_kernels(what: &str, to: IpAddr) {
    let ends = handed_over(|| transfer(to, BYTES));
    assert_nothing_lost_on_the_way(what, &ends);
    for (end, (_, interface)) in ends.iter().zip(DIRECT) {
        assert_eq!(end.hooks[0].wire, end.kernel[0], "{what}: received by {interface}");
        assert_eq!(
            end.hooks[0].whole, end.kernel[0],
            "{what}: received by {interface}, each segment by itself"
        );
    }
    assert!(
        ends[0].hooks[1].whole.packets < ends[0].hooks[1].wire.packets,
        "{what}: super-packets left: {ends:?}"
    );
}

/// As [`assert_equal_at_both_ends`], where a qdisc cuts most super-packets behind the egress hook.
///
/// # Panics
///
/// If they are not the same, or few are cut.
pub fn assert_equal_though_cut(what: &str, to: IpAddr) {
    let ends = handed_over(|| transfer(to, BYTES));
    assert_nothing_lost_on_the_way(what, &ends);
    let (left, arrived) = (ends[0].hooks[1], ends[1].hooks[0]);
    assert_eq!(arrived.whole, ends[1].kernel[0], "{what}: received by veth1");
    assert!(left.whole.packets * 2.0 < left.wire.packets, "{what}: super-packets left: {ends:?}");
    assert!(arrived.whole.packets > 0.9 * arrived.wire.packets, "{what}: they were cut: {ends:?}");
}

/// Holds the wire bytes of every kind of tunnel against the kernel's. Returns the kinds that this kernel has.
#[must_use]
pub fn compare_all() -> Vec<&'static str> {
    add_ipv6();
    let mut had = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| kind.open()) {
        for to in kind.destinations() {
            set_segmentation("on");
            assert_equal_at_both_ends(&format!("{kind:?} to {to}, uncut"), to);
            set_segmentation("off");
            assert_equal_to_the_kernels(&format!("{kind:?} to {to}, cut"), to);
        }
        kind.close();
        had.push(kind.words[0]);
    }
    had
}
