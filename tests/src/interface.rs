//! Interfaces, as `ip` shows them.

use std::time::Duration;

use crate::{eventually::eventually, sandbox::run};

/// `ip -o link` of one interface.
fn shown(namespace: &str, interface: &str) -> String {
    let within = if namespace == "root" { vec![] } else { vec!["-n", namespace] };
    run("ip", &[&within[..], &["-o", "link", "show", interface]].concat())
}

/// The interface index. Not from /sys, which shows the network namespace that mounted it.
///
/// # Panics
///
/// If there is no such interface.
#[must_use]
pub fn ifindex(namespace: &str, interface: &str) -> u32 {
    let shown = shown(namespace, interface);
    let index = shown.split(':').next().and_then(|index| index.parse().ok());
    index.expect("`ip -o link` begins with the index")
}

/// Waits until the kernel has processed that an interface was set up. Until then it silently drops, after the egress
/// hook, what is sent (`noop_qdisc`; a worker handles the carrier, later on a busy machine).
pub fn await_carrier(namespace: &str, interface: &str) {
    eventually("a carrier and its queue", Duration::from_secs(30), || {
        let shown = shown(namespace, interface);
        (shown.contains("state UP") && !shown.contains("qdisc noop ")).then_some(())
    });
}
