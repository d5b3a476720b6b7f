//! What a lab file declares, so that references are looked up and duplicates found in one step each.

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

/// Names and addresses seen so far, with the place of each.
#[derive(Default)]
pub(super) struct Index {
    /// Every name that a `[[namespace]]` carries, valid or not, and where.
    namespaces: HashMap<String, usize>,
    interfaces: HashMap<(NsName, IfName), usize>,
    held: HashMap<NsName, Held>,
    /// Bridges, each with the number of its ports.
    bridges: HashMap<(NsName, IfName), usize>,
    /// Of two bridges that a link joins, the one stands for the other: a forest, whose trees are what is joined.
    joined: HashMap<(NsName, IfName), (NsName, IfName)>,
    /// Whether a bridge could not be read.
    has_lost_bridges: bool,
    /// Which namespaces hold an address, for better advice; the first one is enough.
    holder: HashMap<IpAddr, NsName>,
    /// Namespaces with addresses that could not be read.
    partly_read: HashSet<NsName>,
    /// Whether an end was in a namespace that could not be told.
    has_lost_ends: bool,
    /// Whether a link could not be read because its text is not TOML.
    has_lost_links: bool,
    /// Whether the name of a namespace could not be read because its text is not TOML.
    has_lost_namespaces: bool,
}

/// What a link between two bridges makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// They are one network now.
    Now,
    /// They were one before: a loop.
    Already,
}

/// The addresses of one namespace.
#[derive(Default)]
pub(super) struct Held {
    addresses: HashMap<IpAddr, usize>,
    networks: HashSet<IpNet>,
    /// Prefix lengths in use, so that "which network is this in" asks at most 33 or 129 times.
    prefix_lengths: BTreeSet<u8>,
}

impl Held {
    /// Whether the namespace has this very address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains_key(&address)
    }

    /// The most specific connected network that `address` is in.
    pub(super) fn network_of(&self, address: IpAddr) -> Option<IpNet> {
        let network = |length: &u8| IpNet::new(address, *length).ok().map(|net| net.trunc());
        self.prefix_lengths.iter().rev().filter_map(network).find(|net| self.networks.contains(net))
    }

    /// Whether this very network is connected.
    pub(super) fn is_connected(&self, network: IpNet) -> bool {
        self.networks.contains(&network)
    }
}

impl Index {
    /// Notes a namespace's name, and reports one that is taken.
    pub(super) fn declare_namespace(&mut self, name: &Text<'_>, report: &mut Report<'_>) {
        if *name.get_ref() == ROOT {
            let help = "take this section out: `root` is the namespace that netmon is started in, it is always there and links may use it";
            report.error(name.span(), "`root` cannot be made as a namespace", help);
        } else if let Some(first) = self.namespaces.get(*name.get_ref()) {
            let message = format!("namespace {} is declared twice", quoted(name.get_ref()));
            let help =
                format!("the first one is on line {}; give this one another name", report.line(*first));
            report.error(name.span(), message, help);
        } else {
            self.namespaces.insert((*name.get_ref()).to_owned(), name.span().start);
        }
    }

    /// The namespace that `name` refers to; a reference that leads nowhere is reported, and taken for the
    /// name that was meant if there is one.
    pub(super) fn namespace(&self, name: &Text<'_>, report: &mut Report<'_>) -> Option<NsName> {
        if *name.get_ref() == ROOT || self.namespaces.contains_key(*name.get_ref()) {
            // A declared name that is invalid was reported where it is declared.
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

    /// Notes an interface, and reports one that is taken.
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

    /// Notes an address, and reports one that the namespace has already.
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

    /// Notes a bridge, which is an interface as well.
    pub(super) fn declare_bridge(&mut self, namespace: &NsName, name: &IfName) {
        self.bridges.insert((namespace.clone(), name.clone()), 0);
    }

    /// Notes that a namespace's name could not be read.
    pub(super) fn lose_namespace(&mut self) {
        self.has_lost_namespaces = true;
    }

    /// Notes that a section of any kind could not be read.
    pub(super) fn lose_section(&mut self) {
        self.has_lost_namespaces = true;
        self.has_lost_bridges = true;
        self.has_lost_links = true;
    }

    /// Notes that a bridge could not be read.
    pub(super) fn lose_bridge(&mut self) {
        self.has_lost_bridges = true;
    }

    /// Whether a bridge that is not there is really missing.
    pub(super) fn knows_all_bridges(&self) -> bool {
        !self.has_lost_bridges
    }

    /// Notes a port, and says how many its bridge has by now; none when there is no such bridge.
    pub(super) fn add_port(&mut self, namespace: &NsName, bridge: &IfName) -> Option<usize> {
        let ports = self.bridges.get_mut(&(namespace.clone(), bridge.clone()))?;
        *ports += 1;
        Some(*ports)
    }

    /// A namespace that has a bridge of this name.
    pub(super) fn bridge_elsewhere(&self, bridge: &IfName) -> Option<&NsName> {
        self.bridges.keys().filter(|(_, name)| name == bridge).map(|(namespace, _)| namespace).min()
    }

    /// Notes that a link joins two bridges.
    pub(super) fn join(&mut self, a: (&NsName, &IfName), b: (&NsName, &IfName)) -> Joined {
        let (a, b) = (self.stands_for(a), self.stands_for(b));
        if a == b {
            return Joined::Already;
        }
        self.joined.insert(a, b);
        Joined::Now
    }

    /// The bridge that stands for all that this one is joined to. Each that is passed is then nearer to it.
    fn stands_for(&mut self, (namespace, bridge): (&NsName, &IfName)) -> (NsName, IfName) {
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

    /// Notes that an address of a namespace, or of one that is not known, could not be read.
    pub(super) fn lose_address(&mut self, namespace: Option<&NsName>) {
        match namespace {
            Some(namespace) => {
                self.partly_read.insert(namespace.clone());
            }
            None => self.has_lost_ends = true,
        }
    }

    /// Notes that a link could not be read.
    pub(super) fn lose_link(&mut self) {
        self.has_lost_links = true;
    }

    /// Whether all addresses of a namespace are known: only then is one that is not there really missing.
    pub(super) fn knows_all_of(&self, namespace: &NsName) -> bool {
        let may_have_lost_all = self.has_lost_ends && !self.held.contains_key(namespace);
        !(self.has_lost_links || may_have_lost_all || self.partly_read.contains(namespace))
    }

    /// What a namespace holds; none when no link gives it an address.
    pub(super) fn held(&self, namespace: &NsName) -> Option<&Held> {
        self.held.get(namespace)
    }

    /// A namespace that holds `address`.
    pub(super) fn holder_of(&self, address: IpAddr) -> Option<&NsName> {
        self.holder.get(&address)
    }
}
