//! The lab `direct`, which is built into netmon, as an agent of this sandbox watches it.

use serde_json::Value;

use crate::{
    commands::succeeds,
    counts::DIRECT,
    interface::await_carrier,
    sandbox::{run, run_in},
};

/// The name of its link.
pub const LINK: &str = "root:veth0--direct_netns:veth1";
/// The labels of the end in the root namespace.
pub const ROOT: [(&str, &str); 2] = [("netns", "root"), ("interface", "veth0")];
/// The labels of the end in `direct_netns`.
pub const INSIDE: [(&str, &str); 2] = [("netns", "direct_netns"), ("interface", "veth1")];

/// The link, as `netmon status` shows it in JSON.
///
/// # Panics
///
/// If no agent watches it.
#[must_use]
pub fn link_status() -> Value {
    let said = succeeds(&["status", "--link", LINK, "-o", "json"]);
    let mut links: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(links["links"].as_array().map(Vec::len), Some(1), "{links}");
    links["links"][0].take()
}

/// Waits until both ends have a carrier: see [`await_carrier`]. For tests that compare counts of different hooks, or
/// with the kernel's.
pub fn await_carriers() {
    for (namespace, interface) in DIRECT {
        await_carrier(namespace, interface);
    }
}

/// Sets offloads of both ends, in ethtool's words.
pub fn set_offloads(features: &[&str]) {
    run("ethtool", &[&["-K", "veth0"], features].concat());
    run_in("direct_netns", "ethtool", &[&["-K", "veth1"], features].concat());
}
