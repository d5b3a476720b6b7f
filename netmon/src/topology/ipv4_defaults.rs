//! Gives the IPv4 settings of a new namespace the kernel's own defaults.
//!
//! The kernel copies them from the host's first namespace (`net.core.devconf_inherit_init_net`), so that on a host that
//! forwards, as Docker makes it, each namespace would forward too. A lab would behave differently on the next host.
//! IPv6 settings are not copied.
//!
//! Best effort: if /proc/sys is read-only, the host's values stay. All new namespaces have the same values, so only the
//! first one is read.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Result,
};

/// Those of the kernel's defaults that are not 0 (`ipv4_devconf` in net/ipv4/devinet.c).
const NOT_ZERO: &[(&str, &str)] = &[
    ("accept_redirects", "1"),
    ("arp_evict_nocarrier", "1"),
    ("igmpv2_unsolicited_report_interval", "10000"),
    ("igmpv3_unsolicited_report_interval", "1000"),
    ("secure_redirects", "1"),
    ("send_redirects", "1"),
    ("shared_media", "1"),
];
/// The settings whose default is 0.
const ZERO: &[&str] = &[
    "accept_local",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "arp_notify",
    "bc_forwarding",
    "bootp_relay",
    "disable_policy",
    "disable_xfrm",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "force_igmp_version",
    "ignore_routes_with_linkdown",
    "log_martians",
    "medium_id",
    "promote_secondaries",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "src_valid_mark",
    "tag",
];
/// All interfaces, those to come, and the one that is there.
const PARTS: [&str; 3] = ["all", "default", "lo"];

/// A setting that differs from the kernel's default, as a path below /proc/sys/net/ipv4/conf, and that default.
type Difference = (String, &'static str);

/// Sets the defaults in new namespaces, one after the other.
#[derive(Debug, Default)]
pub(super) struct Ipv4Defaults(Option<Vec<Difference>>);

impl Ipv4Defaults {
    /// Sets them in the calling thread's namespace, which is new. `proc` is a /proc that is read through, or `None` for the
    /// mounted one.
    pub(super) fn set_here(&mut self, proc: Option<&OwnedFd>) {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match proc {
            Some(proc) => openat(proc, "sys/net/ipv4/conf", flags, Mode::empty()),
            None => openat(CWD, "/proc/sys/net/ipv4/conf", flags, Mode::empty()),
        };
        let Ok(folder) = folder else { return };
        for (path, value) in self.0.get_or_insert_with(|| differences(&folder)) {
            let _ = write(&folder, path, value);
        }
    }
}

/// Returns what differs, with `all/forwarding` first: the kernel changes others with it (`inet_forward_change`).
fn differences(folder: &OwnedFd) -> Vec<Difference> {
    let forwarding = PARTS.map(|part| (part, "forwarding", "0"));
    let others = PARTS.into_iter().flat_map(|part| defaults().map(move |(name, value)| (part, name, value)));
    let differs = |(part, name, value): (&str, &str, &'static str)| {
        let path = format!("{part}/{name}");
        let there = read(folder, &path).ok()?;
        // Writing `forwarding` sets this one of `all`, so it is always set again.
        let follows = (part, name) == ("all", "accept_redirects");
        (follows || there.trim_ascii() != value.as_bytes()).then_some((path, value))
    };
    forwarding
        .into_iter()
        .chain(others)
        .filter(|(part, name, _)| is_settable(part, name))
        .filter_map(differs)
        .collect()
}

fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    let source_route = ("accept_source_route", "1");
    NOT_ZERO.iter().copied().chain(ZERO.iter().map(|name| (*name, "0"))).chain([source_route])
}

/// Returns whether the default of this part is the common one. The kernel exempts lo from policies, and accepts source
/// routes by default for interfaces and not for `all`.
fn is_settable(part: &str, name: &str) -> bool {
    !matches!((part, name), ("lo", "disable_policy" | "disable_xfrm") | ("all", "accept_source_route"))
}

fn read(folder: impl AsFd, path: &str) -> Result<Vec<u8>> {
    let file = openat(folder, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = [0; 32];
    let length = rustix::io::read(file, &mut text)?;
    Ok(text[..length].to_vec())
}

fn write(folder: impl AsFd, path: &str, value: &str) -> Result<()> {
    let file = openat(folder, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(file, value.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_setting_has_one_default() {
        let names: Vec<&str> = defaults().map(|(name, _)| name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn policies_of_lo_and_source_routes_of_all_are_left_alone() {
        assert!(!is_settable("lo", "disable_policy") && is_settable("all", "disable_policy"));
        assert!(!is_settable("all", "accept_source_route") && is_settable("default", "accept_source_route"));
    }
}
