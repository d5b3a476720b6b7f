//! A lab before it is written: names and addresses, no text.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use netmon_model::names::MAX_IFNAME;

/// The name of the namespace in which netmon is started.
pub(super) const ROOT: &str = netmon_model::names::ROOT;

/// The parts of a lab.
#[derive(Debug, Default)]
pub(super) struct LabDraft {
    pub(super) namespaces: Vec<Namespace>,
    pub(super) bridge: Option<Bridge>,
    pub(super) links: Vec<[End; 2]>,
    /// A first ping to try. `None` if there is no other namespace.
    pub(super) ping: Option<Ping>,
}

/// A namespace to create.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: String,
    pub(super) routes: Vec<Route>,
    pub(super) sysctls: Vec<(&'static str, &'static str)>,
    /// Whether name lookups should fail at once.
    pub(super) without_resolver: bool,
}

/// A route: to one network, or the default route.
#[derive(Debug)]
pub(super) struct Route {
    /// `None` for the default route.
    pub(super) to: Option<Ipv4Net>,
    pub(super) via: Ipv4Addr,
}

/// A bridge in root.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Net,
}

/// An end of a link.
#[derive(Debug)]
pub(super) struct End {
    pub(super) namespace: String,
    pub(super) interface: String,
    /// `None` for a port of a bridge.
    pub(super) address: Option<Ipv4Net>,
    pub(super) bridge: Option<&'static str>,
}

/// A ping.
#[derive(Debug)]
pub(super) struct Ping {
    /// The namespace that it is sent from. `None` for root.
    pub(super) from: Option<String>,
    pub(super) to: Ipv4Addr,
}

impl Namespace {
    pub(super) fn new(name: String) -> Self {
        Self { name, routes: Vec::new(), sysctls: Vec::new(), without_resolver: false }
    }
}

impl End {
    pub(super) fn new(namespace: &str, interface: impl Into<String>, address: Ipv4Net) -> Self {
        let (namespace, interface) = (namespace.to_owned(), interface.into());
        Self { namespace, interface, address: Some(address), bridge: None }
    }
}

/// The name of a lab's namespace. Names count from 1, `index` from 0.
pub(super) fn namespace_name(lab: &str, index: usize) -> String {
    format!("{lab}-{}", index + 1)
}

/// The name of an interface in root, next to those of other labs: as much of the lab's name as fits, and the whole
/// number, from 1.
pub(super) fn root_interface(lab: &str, index: usize) -> String {
    let number = format!("-{}", index + 1);
    let mut name = String::with_capacity(MAX_IFNAME);
    for c in lab.chars().filter(|c| !matches!(c, ':' | '%')) {
        if name.len() + c.len_utf8() + number.len() > MAX_IFNAME {
            break;
        }
        name.push(c);
    }
    // The lab's name may have no character that an interface's name can have.
    let name = if name.is_empty() { "lab" } else { &name };
    format!("{name}{number}")
}

#[cfg(test)]
mod tests {
    use netmon_model::names::IfName;

    use super::*;

    #[test]
    fn an_interface_in_root_has_as_much_of_the_labs_name_as_fits() {
        assert_eq!(root_interface("star", 0), "star-1");
        assert_eq!(root_interface("a-laboratory-of-mine", 999), "a-laborato-1000");
        for lab in ["%:", "ééééééééééé", "星形星形星形"] {
            let name = root_interface(lab, 16_383);
            assert!(name.parse::<IfName>().is_ok() && name.ends_with("-16384"), "{name}");
        }
    }
}
