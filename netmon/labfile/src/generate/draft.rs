//! A lab before it is written down: names and addresses, no text.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use netmon_model::names::MAX_IFNAME;

/// How the namespace that netmon is started in is called.
pub(super) const ROOT: &str = netmon_model::names::ROOT;

/// What a lab is made of.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) namespaces: Vec<Namespace>,
    pub(super) bridge: Option<Bridge>,
    pub(super) links: Vec<[End; 2]>,
    /// Where a first ping goes; none where there is nobody to ping.
    pub(super) ping: Option<Ping>,
}

/// A namespace to make.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: String,
    pub(super) routes: Vec<Route>,
    pub(super) sysctls: Vec<(&'static str, &'static str)>,
    /// Whether looking up a name is to fail at once.
    pub(super) without_resolver: bool,
}

/// A route: all there is, or one network.
#[derive(Debug)]
pub(super) struct Route {
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
    /// None for a port of a bridge.
    pub(super) address: Option<Ipv4Net>,
    pub(super) bridge: Option<&'static str>,
}

/// A ping to try.
#[derive(Debug)]
pub(super) struct Ping {
    /// The namespace it starts in; none for root.
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

/// The name of a lab's namespace, counted from 1.
pub(super) fn namespace_name(lab: &str, index: usize) -> String {
    format!("{lab}-{}", index + 1)
}

/// The name of an interface in root, where those of other labs are too: as much of the lab's name as there is room
/// for, and a number from 1 that is always whole.
pub(super) fn root_interface(lab: &str, index: usize) -> String {
    let number = format!("-{}", index + 1);
    let mut name = String::with_capacity(MAX_IFNAME);
    for c in lab.chars().filter(|c| !matches!(c, ':' | '%')) {
        if name.len() + c.len_utf8() + number.len() > MAX_IFNAME {
            break;
        }
        name.push(c);
    }
    // Where nothing of it can be in an interface's name.
    let name = if name.is_empty() { "lab" } else { &name };
    format!("{name}{number}")
}

#[cfg(test)]
mod tests {
    use netmon_model::names::IfName;

    use super::*;

    #[test]
    fn an_interface_in_root_is_named_after_its_lab_as_far_as_there_is_room() {
        assert_eq!(root_interface("star", 0), "star-1");
        assert_eq!(root_interface("a-laboratory-of-mine", 999), "a-laborato-1000");
        for lab in ["%:", "ééééééééééé", "星形星形星形"] {
            let name = root_interface(lab, 16_383);
            assert!(name.parse::<IfName>().is_ok() && name.ends_with("-16384"), "{name}");
        }
    }
}
