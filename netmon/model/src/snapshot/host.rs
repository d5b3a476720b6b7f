//! What discovery knows of the host beside the links that are watched: namespaces, and the interfaces that are left out.

use std::collections::BTreeMap;

use crate::{
    mac::Mac,
    survey::{LeftOut, Namespace, SkipReason},
};

/// The host, as discovery found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSnapshot {
    /// Every namespace, that of the agent first, then by name.
    pub namespaces: Vec<Namespace>,
    /// How many interfaces are left out, by reason.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// The interfaces that are left out. There may be more than are listed here.
    pub left_out: Vec<LeftOut>,
    /// What could not be read, and why, as sentences without a full stop.
    pub remarks: Vec<String>,
}

impl HostSnapshot {
    /// Returns the number of interfaces that are left out.
    #[must_use]
    pub fn skipped_interfaces(&self) -> usize {
        self.skipped.values().sum()
    }
}

/// What an interface is, beside the labels that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The name of the interface itself, which may be one that a runtime made up.
    pub name: String,
    /// The kernel's name for its kind, such as `veth`. `physical` for one of hardware.
    pub kind: String,
    /// Its link-layer address. `None` if it has none of six bytes.
    pub mac: Option<Mac>,
    /// The bridge, bond or similar that it is a port of. `None` if it is none's.
    pub bridge: Option<String>,
}
