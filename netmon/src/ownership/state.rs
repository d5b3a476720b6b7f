//! The recorded state of a lab, in /run/netmon/LAB/state.json: what it is about to have, and what it has.
//!
//! It is written before anything is created and again when everything exists, each time atomically. The marks on the
//! objects decide what is netmon's. The state adds what marks cannot tell: link-layer addresses of interfaces that were
//! created and not yet marked, folders that were created for a file and are still empty, the agent of the lab, and which
//! addresses the lab file had, for one that another program removed and added again. All the rest is found without it, so
//! a state that is missing or damaged costs only a warning. Every user may read it, so it has no command of a service,
//! which may have a password in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use netmon_kernel::{netns::Cookie, owned_files, proc};
use netmon_model::{
    lab::{Lab, Route, Source},
    mac::Mac,
    names::{IfIndex, IfName, LabName, LinkName, NsName, Place, Side},
};
use serde::{Deserialize, Serialize};

use super::claim::Holder;
use super::error::OwnershipError;
use super::folder;

/// The folder of the labs of this host.
pub const RUN_DIRECTORY: &str = "/run/netmon";
/// The version of the layout below. A state of another version is ignored.
const VERSION: u32 = 1;

/// Returns a lab's own folder, for state, lock and socket.
#[must_use]
pub fn directory(lab: &LabName) -> PathBuf {
    Path::new(RUN_DIRECTORY).join(lab.as_str())
}

/// Returns every lab that has a folder with something of netmon's in it, sorted by name.
#[must_use]
pub fn labs() -> Vec<LabName> {
    let entries = fs::read_dir(RUN_DIRECTORY).into_iter().flatten().flatten();
    // There is also a note about /run/netns itself, which is a file.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut labs: Vec<LabName> = folders
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(folder::is_labs)
        .collect();
    labs.sort_unstable();
    labs
}

/// A recorded lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The lab.
    pub lab: LabName,
    /// The lab file's path, or `built-in`.
    pub source: String,
    /// The lab file's absolute path. `None` for the built-in lab, and if an older version recorded this.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The boot in which this was recorded. After a reboot, nothing of it exists.
    pub boot_id: String,
    /// Whether all of it was created. If not, any part of it may exist.
    pub complete: bool,
    /// The agent of the lab. `None` without one.
    pub agent: Option<Holder>,
    /// The lab's namespaces.
    pub namespaces: Vec<RecordedNamespace>,
    /// The lab's links.
    pub links: Vec<RecordedLink>,
    /// The lab's bridges.
    #[serde(default)]
    pub bridges: Vec<RecordedInterface>,
    /// The addresses of the lab's interfaces, as the lab file had them.
    #[serde(default)]
    pub addresses: Vec<RecordedAddress>,
    /// The routes of the lab's namespaces, as the lab file had them.
    #[serde(default)]
    pub routes: Vec<RecordedRoute>,
    /// The ends that are ports of bridges which the lab does not own, as the lab file had them.
    #[serde(default)]
    pub ports: Vec<RecordedPort>,
    /// The namespaces that have a file of the lab's under /etc/netns.
    #[serde(default)]
    pub files: BTreeSet<NsName>,
    /// Folders under /etc that were created for the lab's files.
    pub folders: BTreeSet<PathBuf>,
}

/// A recorded namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedNamespace {
    /// Its name.
    pub name: NsName,
    /// Its cookie. `None` until it is created.
    pub cookie: Option<Cookie>,
}

/// A recorded address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAddress {
    /// The interface.
    #[serde(flatten)]
    pub place: Place,
    /// The address.
    pub address: IpNet,
}

/// A recorded route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRoute {
    /// The namespace.
    pub namespace: NsName,
    /// The route.
    #[serde(flatten)]
    pub route: Route,
}

/// A recorded port of a bridge that the lab does not own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPort {
    /// The port.
    #[serde(flatten)]
    pub place: Place,
    /// The bridge.
    pub bridge: IfName,
}

/// A recorded link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedLink {
    /// Its name in the lab file.
    pub name: LinkName,
    /// End `a`.
    pub a: RecordedInterface,
    /// End `b`.
    pub b: RecordedInterface,
    /// Whether an end is in a container, in which the lab's name for the namespace is unknown.
    #[serde(default)]
    pub in_container: bool,
}

impl RecordedLink {
    /// Returns the end on `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &RecordedInterface {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

/// A recorded bridge, or end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInterface {
    /// The namespace that it is in.
    pub namespace: NsName,
    /// Its name.
    pub interface: IfName,
    /// Its link-layer address. netmon chooses it at random, so it is recorded before the interface exists. An address from
    /// the lab file replaces it once the interface is marked.
    pub mac: Mac,
    /// Its index. `None` until it is created.
    pub ifindex: Option<IfIndex>,
}

impl State {
    /// Returns the state of a lab of which nothing exists yet.
    ///
    /// # Errors
    ///
    /// Fails if the boot id cannot be read.
    pub fn new(lab: &Lab) -> Result<Self, OwnershipError> {
        Ok(Self {
            version: VERSION,
            lab: lab.name.clone(),
            source: lab.source.to_string(),
            file: absolute_path(lab),
            boot_id: boot_id()?,
            complete: false,
            agent: None,
            namespaces: Vec::new(),
            links: Vec::new(),
            bridges: Vec::new(),
            addresses: addresses_of(lab),
            routes: routes_of(lab),
            ports: ports_of(lab),
            files: BTreeSet::new(),
            folders: BTreeSet::new(),
        })
    }

    /// Loads what was recorded about `lab` since the last boot.
    ///
    /// Returns `None` if there is nothing, or if it is damaged, of another version or of another boot.
    #[must_use]
    pub fn load(lab: &LabName) -> Option<Self> {
        let path = path_of(lab);
        let text = match owned_files::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                log::warn!("ignoring {}: cannot read it: {e}; using the marks alone", path.display());
                return None;
            }
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(state) if state.version == VERSION && state.lab == *lab => {
                (boot_id().ok()? == state.boot_id).then_some(state)
            }
            Ok(_) => {
                log::warn!(
                    "ignoring {}: it belongs to another lab or version; using the marks alone",
                    path.display()
                );
                None
            }
            Err(e) => {
                log::warn!("ignoring {}: it is damaged ({e}); using the marks alone", path.display());
                None
            }
        }
    }

    /// Writes the state atomically: a reader sees the old one or the new one.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written.
    pub fn store(&self) -> Result<(), OwnershipError> {
        let path = path_of(&self.lab);
        let failed = |e: io::Error| OwnershipError::file("write", &path, e);
        let text = serde_json::to_vec(self).map_err(|e| failed(e.into()))?;
        owned_files::make_directory(&directory(&self.lab)).map_err(failed)?;
        owned_files::replace(&path, &text).map_err(failed)
    }

    /// Returns the cookie that the namespace of this name has, or had. `None` if none was recorded.
    #[must_use]
    pub fn cookie_of(&self, namespace: &NsName) -> Option<Cookie> {
        self.namespaces.iter().find(|recorded| recorded.name == *namespace)?.cookie
    }

    /// Returns whether the lab file had this address on the interface of that name and namespace.
    #[must_use]
    pub fn had_address(&self, namespace: &NsName, interface: &str, address: IpNet) -> bool {
        let mut there = self.addresses.iter().filter(|there| there.address == address);
        there.any(|there| there.place.namespace == *namespace && there.place.interface.as_str() == interface)
    }

    /// Returns the routes that the namespace had. Empty if the lab was not built completely.
    #[must_use]
    pub fn had_routes(&self, namespace: &NsName) -> Vec<Route> {
        let there = self.routes.iter().filter(|there| self.complete && there.namespace == *namespace);
        there.map(|there| there.route.clone()).collect()
    }

    /// Returns the ends in a namespace that the lab made ports of bridges that it does not own, each with its bridge.
    #[must_use]
    pub fn had_ports(&self, namespace: &NsName) -> BTreeMap<IfName, IfName> {
        let there = self.ports.iter().filter(|there| there.place.namespace == *namespace);
        there.map(|there| (there.place.interface.clone(), there.bridge.clone())).collect()
    }

    /// Returns every bridge, and every end of every link.
    pub fn interfaces(&self) -> impl Iterator<Item = &RecordedInterface> {
        self.bridges.iter().chain(self.links.iter().flat_map(|link| [&link.a, &link.b]))
    }

    /// Returns whether netmon chose this link-layer address for the interface of that name and namespace.
    #[must_use]
    pub fn chose_mac(&self, namespace: &NsName, interface: &str, mac: Option<Mac>) -> bool {
        let same = |end: &RecordedInterface| {
            end.namespace == *namespace && end.interface.as_str() == interface && Some(end.mac) == mac
        };
        mac.is_some() && self.interfaces().any(same)
    }
}

fn absolute_path(lab: &Lab) -> Option<PathBuf> {
    match &lab.source {
        Source::BuiltIn | Source::Host => None,
        Source::File(path) => Some(lab.directory.as_ref()?.join(path.file_name()?)),
    }
}

fn addresses_of(lab: &Lab) -> Vec<RecordedAddress> {
    let bridges = lab.bridges.iter().map(|bridge| (bridge.place(), &bridge.addresses));
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    let interfaces = bridges.chain(ends.map(|end| (end.place(), &end.addresses)));
    let record = |(place, addresses): (Place, &Vec<IpNet>)| {
        let recorded = |address: &IpNet| RecordedAddress { place: place.clone(), address: *address };
        addresses.iter().map(recorded).collect::<Vec<_>>()
    };
    interfaces.flat_map(record).collect()
}

fn routes_of(lab: &Lab) -> Vec<RecordedRoute> {
    let of = |(namespace, route): (&NsName, &Route)| RecordedRoute {
        namespace: namespace.clone(),
        route: route.clone(),
    };
    let each =
        lab.namespaces.iter().flat_map(|inside| inside.routes.iter().map(|route| (&inside.name, route)));
    each.map(of).collect()
}

fn ports_of(lab: &Lab) -> Vec<RecordedPort> {
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    let foreign = ends.filter_map(|end| {
        let bridge = end.bridge.clone()?;
        let is_foreign = end.namespace.is_root() && lab.foreign_bridges.contains(&bridge);
        is_foreign.then(|| RecordedPort { place: end.place(), bridge })
    });
    foreign.collect()
}

/// Returns the path of a lab's state.
pub(crate) fn path_of(lab: &LabName) -> PathBuf {
    directory(lab).join("state.json")
}

fn boot_id() -> Result<String, OwnershipError> {
    proc::boot_id().map_err(|e| OwnershipError::file("read", Path::new(proc::BOOT_ID), e))
}
