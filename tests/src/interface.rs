//! Interfaces, as `ip` shows them.

use crate::sandbox::run;

/// The interface index. Not from /sys, which shows the network namespace that mounted it.
///
/// # Panics
///
/// If there is no such interface.
#[must_use]
pub fn ifindex(namespace: &str, interface: &str) -> u32 {
    let within = if namespace == "root" { vec![] } else { vec!["-n", namespace] };
    let shown = run("ip", &[&within[..], &["-o", "link", "show", interface]].concat());
    let index = shown.split(':').next().and_then(|index| index.parse().ok());
    index.expect("`ip -o link` begins with the index")
}
