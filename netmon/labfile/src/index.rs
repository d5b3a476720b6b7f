//! The declarations of a lab file, indexed: a reference is resolved and a duplicate is found in one step.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;
use netmon_model::{
    names::{IfName, NsName, ROOT},
    text::quoted,
};

use super::{report::Report, section::Text, suggest::closest};

/// The names and addresses read so far, with the place of each.
#[derive(Default)]
pub(super) struct Index {
    /// Every name of a `[[namespace]]`, valid or not, with its place.
    namespaces: HashMap<String, usize>,
    /// The namespaces that are of containers, each with its container.
    containers: HashMap<NsName, String>,
    interfaces: HashMap<(NsName, IfName), usize>,
    held: HashMap<NsName, HeldAddresses>,
    /// Bridges, each with the number of its ports.
    bridges: HashMap<(NsName, IfName), usize>,
    /// A union-find forest: for each bridge, one that it is joined to, directly or not.
    joined: HashMap<(NsName, IfName), (NsName, IfName)>,
    /// Whether a bridge could not be read.
    has_lost_bridges: bool,
    /// The first namespace that has an address, for the help of an error.
    holder: HashMap<IpAddr, NsName>,
    /// Namespaces some of whose addresses could not be read.
    partly_read: HashSet<NsName>,
    /// Whether the namespace of an end could not be read.
    has_lost_ends: bool,
    /// Whether a link could not be read because its text is not TOML.
    has_lost_links: bool,
    /// Whether the name of a namespace could not be read because its text is not TOML.
    has_lost_namespaces: bool,
}

/// Whether two bridges were joined before a link joins them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// They are one network from now on.
    Now,
    /// They were one network before, so the link closes a loop.
    Before,
}

/// The addresses of one namespace.
#[derive(Default)]
pub(super) struct HeldAddresses {
    addresses: HashMap<IpAddr, usize>,
    networks: HashSet<IpNet>,
    /// Prefix lengths in use. Finding the network of an address takes one lookup for each, at most 33 or 129.
    prefix_lengths: BTreeSet<u8>,
}

impl HeldAddresses {
    /// Whether the namespace has this address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains_key(&address)
    }

    /// The most specific connected network that contains `address`.
    pub(super) fn network_of(&self, address: IpAddr) -> Option<IpNet> {
        let network = |length: &u8| IpNet::new(address, *length).ok().map(|net| net.trunc());
        self.prefix_lengths.iter().rev().filter_map(network).find(|net| self.networks.contains(net))
    }

    /// Whether this network is connected.
    pub(super) fn is_connected(&self, network: IpNet) -> bool {
        self.networks.contains(&network)
    }
}

impl Index {
    /// Records a namespace's name, and reports a duplicate.
    pub(super) fn declare_namespace(&mut self, name: &Text<'_>, report: &mut Report<'_>) {
        if *name.get_ref() == ROOT {
            let help = "remove this section: `root` is the namespace in which netmon is started; it always exists, and links may use it";
            report.error(name.span(), "`root` cannot be declared as a namespace", help);
        } else if let Some(first) = self.namespaces.get(*name.get_ref()) {
            let message = format!("namespace {} is declared twice", quoted(name.get_ref()));
            let help =
                format!("the first one is on line {}; give this one another name", report.line(*first));
            report.error(name.span(), message, help);
        } else {
            self.namespaces.insert((*name.get_ref()).to_owned(), name.span().start);
        }
    }

    /// Records that a namespace is that of a container.
    pub(super) fn declare_container(&mut self, namespace: NsName, container: String) {
        self.containers.insert(namespace, container);
    }

    /// The container whose namespace this is. `None` if it is the lab's own, or root.
    pub(super) fn container(&self, namespace: &NsName) -> Option<&str> {
        self.containers.get(namespace).map(String::as_str)
    }

    /// Returns the namespace that `name` refers to, as [`Self::namespace`] does. Reports a container's, in which `what`
    /// cannot run.
    pub(super) fn own_namespace(
        &self,
        name: &Text<'_>,
        what: &str,
        report: &mut Report<'_>,
    ) -> Option<NsName> {
        let namespace = self.namespace(name, report)?;
        if let Some(container) = self.container(&namespace) {
            let message = format!("{what} cannot run in the container {}", quoted(container));
            let help = "write `root` or a namespace of the lab: in a container, a lab has ends of links and nothing else";
            report.error(name.span(), message, help);
        }
        Some(namespace)
    }

    /// Returns the namespace that `name` refers to. Reports an unknown name, and then returns the namespace that was
    /// probably meant, if there is one.
    pub(super) fn namespace(&self, name: &Text<'_>, report: &mut Report<'_>) -> Option<NsName> {
        if *name.get_ref() == ROOT || self.namespaces.contains_key(*name.get_ref()) {
            // An invalid name was reported where it is declared.
            return name.get_ref().parse().ok();
        }
        if self.has_lost_namespaces {
            return None;
        }
        let known = self.namespaces.keys().map(String::as_str).chain([ROOT]);
        let meant = closest(name.get_ref(), known, &mut report.comparisons_left);
        let help = match meant {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("declare it with [[namespace]] and name = {}", quoted(name.get_ref())),
        };
        let message = format!("there is no namespace {} in this lab", quoted(name.get_ref()));
        report.error(name.span(), message, help);
        meant.and_then(|meant| meant.parse().ok())
    }

    /// Records an interface, and reports a duplicate.
    pub(super) fn declare_interface(
        &mut self,
        namespace: &NsName,
        interface: &IfName,
        name: &Text<'_>,
        report: &mut Report<'_>,
    ) {
        if let Some(first) = self.interfaces.insert((namespace.clone(), interface.clone()), name.span().start)
        {
            let line = report.line(first);
            report.error(
                name.span(),
                format!("namespace {namespace} has two interfaces {interface}"),
                format!("the first one is on line {line}; give this one another name"),
            );
        }
    }

    /// Records an address, and reports a duplicate in the namespace.
    pub(super) fn declare_address(
        &mut self,
        namespace: &NsName,
        address: IpNet,
        written: &Text<'_>,
        report: &mut Report<'_>,
    ) {
        let held = self.held.entry(namespace.clone()).or_default();
        if let Some(first) = held.addresses.insert(address.addr(), written.span().start) {
            let line = report.line(first);
            report.error(
                written.span(),
                format!("namespace {namespace} has the address {} twice", address.addr()),
                format!("the first one is on line {line}; give this end another address"),
            );
        }
        held.networks.insert(address.trunc());
        held.prefix_lengths.insert(address.prefix_len());
        self.holder.entry(address.addr()).or_insert_with(|| namespace.clone());
    }

    /// Records a bridge, which is an interface as well.
    pub(super) fn declare_bridge(&mut self, namespace: &NsName, name: &IfName) {
        self.bridges.insert((namespace.clone(), name.clone()), 0);
    }

    /// Records that a namespace's name could not be read.
    pub(super) fn lose_namespace(&mut self) {
        self.has_lost_namespaces = true;
    }

    /// Records that a section of any kind could not be read.
    pub(super) fn lose_section(&mut self) {
        self.has_lost_namespaces = true;
        self.has_lost_bridges = true;
        self.has_lost_links = true;
    }

    /// Records that a bridge could not be read.
    pub(super) fn lose_bridge(&mut self) {
        self.has_lost_bridges = true;
    }

    /// Whether all bridges were read. If not, an unknown one may just be unread.
    pub(super) fn knows_all_bridges(&self) -> bool {
        !self.has_lost_bridges
    }

    /// Records a port, and returns how many its bridge has by now. Returns `None` if there is no such bridge.
    pub(super) fn add_port(&mut self, namespace: &NsName, bridge: &IfName) -> Option<usize> {
        let ports = self.bridges.get_mut(&(namespace.clone(), bridge.clone()))?;
        *ports += 1;
        Some(*ports)
    }

    /// A namespace that has a bridge of this name.
    pub(super) fn bridge_elsewhere(&self, bridge: &IfName) -> Option<&NsName> {
        self.bridges.keys().filter(|(_, name)| name == bridge).map(|(namespace, _)| namespace).min()
    }

    /// Records that a link joins two bridges.
    pub(super) fn join(&mut self, a: (&NsName, &IfName), b: (&NsName, &IfName)) -> Joined {
        let (a, b) = (self.joined_root(a), self.joined_root(b));
        if a == b {
            return Joined::Before;
        }
        self.joined.insert(a, b);
        Joined::Now
    }

    /// Returns the root of the tree that this bridge is in, and shortens the path to it.
    fn joined_root(&mut self, (namespace, bridge): (&NsName, &IfName)) -> (NsName, IfName) {
        let first = (namespace.clone(), bridge.clone());
        let mut last = first.clone();
        while let Some(next) = self.joined.get(&last) {
            last = next.clone();
        }
        let mut passed = first;
        while passed != last {
            let Some(next) = self.joined.insert(passed, last.clone()) else { break };
            passed = next;
        }
        last
    }

    /// Records that an address could not be read. `None` if it is not known of which namespace.
    pub(super) fn lose_address(&mut self, namespace: Option<&NsName>) {
        match namespace {
            Some(namespace) => {
                self.partly_read.insert(namespace.clone());
            }
            None => self.has_lost_ends = true,
        }
    }

    /// Records that a link could not be read.
    pub(super) fn lose_link(&mut self) {
        self.has_lost_links = true;
    }

    /// Whether all addresses of a namespace were read. If not, an unknown one may just be unread.
    pub(super) fn knows_all_of(&self, namespace: &NsName) -> bool {
        let may_have_lost_all = self.has_lost_ends && !self.held.contains_key(namespace);
        !(self.has_lost_links || may_have_lost_all || self.partly_read.contains(namespace))
    }

    /// Whether all addresses were read.
    pub(super) fn knows_all_addresses(&self) -> bool {
        !(self.has_lost_links || self.has_lost_ends) && self.partly_read.is_empty()
    }

    /// The addresses of a namespace. `None` if it has none.
    pub(super) fn held(&self, namespace: &NsName) -> Option<&HeldAddresses> {
        self.held.get(namespace)
    }

    /// A namespace that has `address`.
    pub(super) fn holder_of(&self, address: IpAddr) -> Option<&NsName> {
        self.holder.get(&address)
    }
}
