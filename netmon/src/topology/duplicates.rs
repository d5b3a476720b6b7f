//! No wait for the detection of duplicate addresses (RFC 4862, section 5.4).
//!
//! A lab's own addresses are given without it. The link-local ones are the kernel's doing, and while one of them is
//! tentative, a router sends no neighbour solicitation for what it forwards: the first second of IPv6 was lost. Their
//! hosts are known here, since netmon made both ends.
//!
//! An extra: where the setting cannot be written (no IPv6, /proc/sys read-only), the kernel waits as it always does.

use std::{fs, path::Path};

use crate::names::IfName;

const CONF: &str = "/proc/sys/net/ipv6/conf";

/// For every interface that is made in the calling thread's namespace from now on.
pub(super) fn are_not_awaited_here() {
    not_awaited("default");
}

/// For an interface of the calling thread's namespace, before it is set up.
pub(super) fn are_not_awaited_on(interface: &IfName) {
    not_awaited(interface.as_str());
}

fn not_awaited(interface: &str) {
    let _ = fs::write(Path::new(CONF).join(interface).join("accept_dad"), "0");
}
