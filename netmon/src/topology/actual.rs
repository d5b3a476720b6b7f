//! Reads what of a lab is on the host, and what else has the names that the lab wants.
//!
//! It opens every name in /run/netns, so that it finds whatever carries the mark, even if the lab file no longer has it
//! or the state was lost. Of foreign namespaces it reads only the aliases of interfaces, since another program may have
//! moved one of the lab's there.

mod containers;
mod contents;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::resume_unwind,
    thread,
};

use ipnet::IpNet;
use netmon_kernel::{
    netlink::{
        address::InstalledAddress,
        link::{self, Interface},
        route::InstalledRoute,
    },
    netns::{
        NetNs, NetNsError, NetnsId,
        names::{self, Name, Placeholders},
    },
};
use netmon_model::{
    lab::{Lab, Namespace, Route},
    mac::Mac,
    names::{IfIndex, IfName, LabName, NsName, Place},
};

use super::{
    error::TopologyError,
    handle::{self, Handle, Handles},
    installed_impairment::InstalledImpairment,
    resolv::{self, ResolvConf},
    sysctl,
};
use crate::ownership::{
    mark::{Mark, Owner},
    state::State,
};

/// Each thread reads at least this many namespaces. Fewer are not worth a thread.
const MIN_PER_THREAD: usize = 32;

/// The name of the interface that every namespace has.
pub const LOOPBACK: &str = "lo";

/// What a plan depends on, beside the lab.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    /// The names in /run/netns, and `root`.
    pub namespaces: BTreeMap<NsName, ActualNamespace>,
    /// What is in the containers that the lab leads into. Only while the lab is wanted.
    pub containers: BTreeMap<NsName, Contents>,
    /// The labs that foreign namespaces belong to.
    pub other_labs: BTreeMap<NsName, LabName>,
    /// Interfaces of the lab that were moved to foreign namespaces.
    pub strays: BTreeMap<Place, IfIndex>,
    /// Existing resolv.conf files of namespaces that the lab has, and all that carry the mark.
    pub files: BTreeMap<NsName, ResolvConf>,
}

/// What a name in /run/netns refers to.
#[derive(Clone, Debug)]
pub enum ActualNamespace {
    /// A namespace of the lab, or `root`.
    Known(Contents),
    /// A name of the lab's without a namespace: a process was killed between creating the file and mounting it.
    Remnant,
    /// Anything else.
    Foreign,
}

/// What is inside a namespace.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Whether lo was set down.
    pub loopback_is_down: bool,
    /// Its interfaces by name, without lo.
    pub interfaces: BTreeMap<String, ActualInterface>,
    /// The routes that netmon added, each with one next hop. Only of namespaces that the lab has.
    pub routes: Vec<Route>,
    /// All other routes to destinations of the lab's routes. Only of namespaces that the lab has.
    pub other_routes: Vec<InstalledRoute>,
    /// The routes that the namespace had when the lab was built or changed last.
    pub had_routes: Vec<Route>,
    /// The settings that the lab has a value for.
    pub sysctls: BTreeMap<String, String>,
    /// The ends that the lab made ports of bridges that it does not own, each with its bridge.
    pub had_ports: BTreeMap<IfName, IfName>,
}

/// An interface as far as plans depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualInterface {
    /// Whether it is the lab's.
    pub owner: Owner,
    /// Whether it carries the mark. If the lab's own does not, a process was killed before it marked it.
    pub marked: bool,
    /// Its index.
    pub index: IfIndex,
    /// The index of its peer, in the peer's namespace. `None` if it has no peer.
    pub peer_index: Option<IfIndex>,
    /// Whether the peer is in the same namespace.
    pub peer_is_here: bool,
    /// Whether it is a bridge.
    pub is_bridge: bool,
    /// The index of the bridge (or bond, or VRF) that it is a port of.
    pub controller: Option<IfIndex>,
    /// Its link-layer address.
    pub mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is set up.
    pub up: bool,
    /// Its addresses, in the kernel's order: the first IPv4 address of a network is the primary one.
    pub addresses: Vec<ActualAddress>,
    /// The impairment of the packets that leave through it. Read only for the lab's own interfaces.
    pub impairment: InstalledImpairment,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActualAddress {
    /// The address with its prefix length.
    pub net: IpNet,
    /// Whether it is the lab's: netmon added it, or the recorded lab file had it. Others are those of a DHCP client, of a
    /// router advertisement, of another program, and the link-local one that the kernel adds.
    pub owner: Owner,
}

impl Actual {
    /// Returns what is in a namespace of the lab, in a container that it leads into, or in root. Returns `None` if it does not
    /// exist.
    #[must_use]
    pub fn contents(&self, namespace: &NsName) -> Option<&Contents> {
        match (self.containers.get(namespace), self.namespaces.get(namespace)) {
            (Some(contents), _) | (None, Some(ActualNamespace::Known(contents))) => Some(contents),
            _ => None,
        }
    }

    /// Returns the lab's namespaces, without `root`.
    pub fn own_namespaces(&self) -> impl Iterator<Item = (&NsName, &Contents)> {
        self.namespaces.iter().filter_map(|(name, there)| match there {
            ActualNamespace::Known(contents) if !name.is_root() => Some((name, contents)),
            _ => None,
        })
    }

    /// Returns the index of one of the lab's interfaces, including one that was moved to a foreign namespace.
    #[must_use]
    pub fn own_index(&self, place: &Place) -> Option<IfIndex> {
        let there = self.own_interface(&place.namespace, place.interface.as_str());
        there.map(|there| there.index).or_else(|| self.strays.get(place).copied())
    }

    /// Returns one of the lab's interfaces, or `None` if it does not exist.
    #[must_use]
    pub fn own_interface(&self, namespace: &NsName, interface: &str) -> Option<&ActualInterface> {
        let there = self.contents(namespace)?.interfaces.get(interface)?;
        (there.owner == Owner::Ours).then_some(there)
    }
}

/// Reads the host, and returns the lab's namespaces and root as open handles.
///
/// `lab` is the lab that is wanted, or `None` if it is to be removed.
///
/// # Errors
///
/// Fails if something cannot be read.
pub fn read(
    mark: &Mark,
    state: Option<&State>,
    lab: Option<&Lab>,
) -> Result<(Actual, Handles), TopologyError> {
    let wanted = lab.iter().flat_map(|lab| &lab.namespaces).map(|wanted| (&wanted.name, wanted)).collect();
    let reader = Reader { mark, state, lab, wanted };
    let (mut actual, mut handles) = (Actual::default(), Handles::new());
    let (root, handle) = (NsName::root(), Handle::open(&NsName::root())?);
    let identity = handle.namespace.identity();
    reader.add(root, handle, true, &mut actual, &mut handles)?;
    let known = reader.add_containers(identity, &mut actual, &mut handles)?;
    for (seen, opened) in reader.read_all(reader.names(known, &mut actual)?)? {
        actual.namespaces.extend(seen.namespaces);
        actual.strays.extend(seen.strays);
        actual.other_labs.extend(seen.other_labs);
        handles.extend(opened);
    }
    actual.files = reader.files()?;
    Ok((actual, handles))
}

struct Reader<'a> {
    mark: &'a Mark,
    state: Option<&'a State>,
    lab: Option<&'a Lab>,
    wanted: BTreeMap<&'a NsName, &'a Namespace>,
}

impl Reader<'_> {
    /// Opens every name in /run/netns, and returns each namespace under one of its names, and whether this lab may have
    /// placed the name. Those in `seen` were read already.
    fn names(
        &self,
        mut seen: BTreeSet<NetnsId>,
        actual: &mut Actual,
    ) -> Result<Vec<(NsName, NetNs, bool)>, TopologyError> {
        let mut names = names::list()?;
        // If a namespace has several names, the one that the lab placed or knows is the lab's, and the others are foreign.
        let recorded = self.state.iter().flat_map(|state| &state.namespaces).map(|recorded| &recorded.name);
        let known: BTreeSet<&NsName> = self.wanted.keys().copied().chain(recorded).collect();
        let placeholders = Placeholders::open();
        let is_placed = |name: &NsName| placeholders.text(name).map(|text| text == self.mark.as_str());
        names.sort_by_cached_key(|name| (is_placed(name) != Some(true), !known.contains(name)));
        let mut namespaces = Vec::new();
        for name in names {
            let there = match names::look_up(&name)? {
                None => continue,
                Some(Name::Elsewhere) => ActualNamespace::Foreign,
                Some(Name::Placeholder(text)) if text == self.mark.as_str() => ActualNamespace::Remnant,
                Some(Name::Placeholder(_)) => ActualNamespace::Foreign,
                Some(Name::Namespace(namespace)) if seen.insert(namespace.identity()) => {
                    let may_be_ours = is_placed(&name) != Some(false);
                    namespaces.push((name, namespace, may_be_ours));
                    continue;
                }
                Some(Name::Namespace(_)) => ActualNamespace::Foreign,
            };
            actual.namespaces.insert(name, there);
        }
        Ok(namespaces)
    }

    /// Reads these namespaces on a few threads, each of which enters one after the other. A thread for each would cost
    /// more than the reading.
    fn read_all(
        &self,
        mut left: Vec<(NsName, NetNs, bool)>,
    ) -> Result<Vec<(Actual, Handles)>, TopologyError> {
        let share = left.len().div_ceil(handle::threads()).max(MIN_PER_THREAD);
        thread::scope(|scope| {
            let mut readers = Vec::new();
            while !left.is_empty() {
                let share = left.split_off(left.len().saturating_sub(share));
                let reader = thread::Builder::new()
                    .name("netns-reader".to_owned())
                    .spawn_scoped(scope, move || self.read(share))
                    .map_err(|e| NetNsError::new("start", "a thread that reads namespaces", e))?;
                readers.push(reader);
            }
            let joined = readers.into_iter().map(|reader| reader.join().unwrap_or_else(|p| resume_unwind(p)));
            joined.collect()
        })
    }

    /// The calling thread stays in the last of the namespaces.
    fn read(&self, namespaces: Vec<(NsName, NetNs, bool)>) -> Result<(Actual, Handles), TopologyError> {
        let (mut actual, mut handles) = (Actual::default(), Handles::new());
        for (name, namespace, may_be_ours) in namespaces {
            self.add(name, Handle::enter(namespace)?, may_be_ours, &mut actual, &mut handles)?;
        }
        Ok((actual, handles))
    }

    /// Reads a namespace. Of one that is not the lab's, only looks for interfaces that were moved there.
    ///
    /// A namespace is the lab's if its lo is marked, `may_be_ours`, and it is the one that was recorded under its name.
    fn add(
        &self,
        name: NsName,
        mut handle: Handle,
        may_be_ours: bool,
        actual: &mut Actual,
        handles: &mut Handles,
    ) -> Result<(), TopologyError> {
        let interfaces = handle.netlink()?.interfaces()?;
        let is_marked = |there: &Interface| there.name == LOOPBACK && self.mark.is_on(there.alias.as_deref());
        let is_ours = || {
            let recorded = self.state.and_then(|state| state.cookie_of(&name));
            may_be_ours
                && interfaces.iter().any(is_marked)
                && recorded.is_none_or(|recorded| handle.cookie().is_ok_and(|cookie| cookie == recorded))
        };
        if !name.is_root() && !is_ours() {
            let strays = interfaces.iter().filter(|there| there.name != LOOPBACK);
            for stray in strays.filter(|there| self.mark.is_on(there.alias.as_deref())) {
                let Ok(interface) = stray.name.parse() else { continue };
                let place = Place { namespace: name.clone(), interface };
                actual.strays.insert(place, IfIndex(stray.index));
            }
            let loopback = interfaces.iter().find(|there| there.name == LOOPBACK);
            let other = loopback.and_then(|there| Mark::lab_in(there.alias.as_deref()?));
            actual.other_labs.extend(other.map(|lab| (name.clone(), lab)));
            actual.namespaces.insert(name, ActualNamespace::Foreign);
            return Ok(());
        }
        let contents = self.contents(&name, &mut handle, interfaces)?;
        actual.namespaces.insert(name.clone(), ActualNamespace::Known(contents));
        if self.lab.is_none() {
            handle.close_socket();
        }
        handles.insert(name, handle);
        Ok(())
    }

    fn contents(
        &self,
        name: &NsName,
        handle: &mut Handle,
        interfaces: Vec<Interface>,
    ) -> Result<Contents, TopologyError> {
        let mut contents = Contents::default();
        let mut addresses: BTreeMap<IfIndex, Vec<InstalledAddress>> = BTreeMap::new();
        // Removal does not depend on addresses.
        let known = if self.lab.is_some() { handle.netlink()?.addresses()? } else { Vec::new() };
        for address in known {
            addresses.entry(address.index).or_default().push(address);
        }
        for interface in interfaces {
            if interface.name == LOOPBACK {
                contents.loopback_is_down = !interface.up;
                continue;
            }
            let own = addresses.remove(&IfIndex(interface.index)).unwrap_or_default();
            let seen = self.interface(name, &interface, &own);
            // An alternative name is taken as well. netmon gives none, so it is foreign.
            for other in &interface.alt_names {
                contents
                    .interfaces
                    .insert(other.clone(), ActualInterface { owner: Owner::Foreign, ..seen.clone() });
            }
            contents.interfaces.insert(interface.name, seen);
        }
        if self.lab.is_some() {
            contents.read_impairments(handle)?;
        }
        contents.had_ports = self.state.map(|state| state.had_ports(name)).unwrap_or_default();
        let Some(wanted) = self.wanted.get(name) else { return Ok(contents) };
        contents.had_routes = self.state.map(|state| state.had_routes(name)).unwrap_or_default();
        contents.read_routes(handle, wanted)?;
        if !wanted.sysctls.is_empty() {
            contents.sysctls = sysctl::read(&handle.namespace, wanted.sysctls.keys())?.into_iter().collect();
        }
        Ok(contents)
    }

    fn interface(
        &self,
        namespace: &NsName,
        there: &Interface,
        addresses: &[InstalledAddress],
    ) -> ActualInterface {
        let marked = self.mark.is_on(there.alias.as_deref());
        let chosen = || self.state.is_some_and(|state| state.chose_mac(namespace, &there.name, there.mac));
        let ours = marked || chosen();
        let had = |net| self.state.is_some_and(|state| state.had_address(namespace, &there.name, net));
        let address = |address: &InstalledAddress| ActualAddress {
            net: address.net,
            owner: Owner::ours_if(address.is_own || had(address.net)),
        };
        ActualInterface {
            owner: Owner::ours_if(ours),
            marked,
            index: IfIndex(there.index),
            peer_index: there.peer_index.map(IfIndex),
            peer_is_here: there.peer_netnsid.is_none(),
            is_bridge: there.kind.as_deref() == Some(link::BRIDGE),
            controller: there.controller.map(IfIndex),
            mac: there.mac,
            mtu: there.mtu,
            up: there.up,
            addresses: addresses.iter().map(address).collect(),
            impairment: InstalledImpairment::default(),
        }
    }

    fn files(&self) -> Result<BTreeMap<NsName, ResolvConf>, TopologyError> {
        let mut names: BTreeSet<NsName> = resolv::list(self.mark)?.into_iter().collect();
        if let Some(lab) = self.lab {
            names.extend(lab.namespaces.iter().map(|namespace| namespace.name.clone()));
        }
        let mut files = BTreeMap::new();
        for name in names {
            if let Some(found) = resolv::look_up(&name, self.mark)? {
                files.insert(name, found);
            }
        }
        Ok(files)
    }
}
