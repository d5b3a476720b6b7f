//! The namespace of a running container, by the container's name or id: where a lab's link is to lead.
//!
//! It is opened for the caller, who must not keep it.

use std::{collections::BTreeMap, path::PathBuf};

use netmon_kernel::{
    netlink::observer::{self, Nsid},
    netns::{NetNs, NetNsError},
    proc::Process,
};
use netmon_model::survey::Runtime;
use thiserror::Error;

use super::{
    DiscoverError, HostState,
    census::{self, Keeper},
    naming::{Catalog, cgroup::Owner},
};

/// The least number of digits that stand for a container's id.
const SHORTEST_ID: usize = 12;

/// The namespace of a container cannot be used.
#[derive(Debug, Error)]
pub enum ContainerError {
    /// No process of such a container is on this host.
    #[error("no running container is called {wanted}{}", because(.why))]
    NotFound {
        /// The name or id that was given.
        wanted: String,
        /// Why the names of some containers are not known.
        why: Vec<String>,
    },
    /// Containers of several runtimes have this name.
    #[error("{wanted} is the name of several containers ({}): give the id", .ids.join(", "))]
    Several {
        /// The name that was given.
        wanted: String,
        /// What they are.
        ids: Vec<String>,
    },
    /// It has no network of its own.
    #[error("container {0} uses the network of the host, which a lab calls root")]
    OfHost(String),
    /// It ended in the meantime, or may not be opened.
    #[error("cannot open the network of container {container}")]
    Closed {
        /// The container.
        container: String,
        /// The kernel's answer. `None` if what kept the namespace is gone.
        source: Option<NetNsError>,
    },
}

fn because(why: &[String]) -> String {
    if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) }
}

/// The containers that run now.
pub struct Containers {
    keepers: BTreeMap<Nsid, Keeper>,
    catalog: Catalog,
}

impl Containers {
    /// Reads which containers run, and what they are called.
    ///
    /// # Errors
    ///
    /// Fails without `CAP_SYS_ADMIN` or `CAP_NET_ADMIN`.
    pub fn read() -> Result<Self, DiscoverError> {
        let mut host = HostState::new(observer::open()?);
        host.census = census::take(&mut host.questions);
        host.read_catalog();
        Ok(Self { keepers: host.census.keepers, catalog: host.catalog })
    }

    /// Opens the namespace of the container with this name or id.
    ///
    /// # Errors
    ///
    /// Fails if there is no such container, several have the name, or it has no network of its own.
    pub fn open(&self, wanted: &str) -> Result<NetNs, ContainerError> {
        let keeper = self.find(wanted)?;
        let closed = |source| ContainerError::Closed { container: wanted.to_owned(), source };
        let mut failed = None;
        for path in ways(keeper) {
            match NetNs::open_file(&path) {
                // A process number, or a file, may stand for another namespace by now.
                Ok(netns) if is_same(keeper, &netns) => return Ok(netns),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(closed(failed))
    }

    fn find(&self, wanted: &str) -> Result<&Keeper, ContainerError> {
        let found = self.matching(|owner| is_called(owner, wanted, &self.catalog));
        let found = if found.is_empty() { self.matching(|owner| has_id(owner, wanted)) } else { found };
        match &found[..] {
            [] => {
                let why = self.catalog.silent.iter().map(|(runtime, why)| format!("{runtime}: {why}"));
                Err(ContainerError::NotFound { wanted: wanted.to_owned(), why: why.collect() })
            }
            [(keeper, _)] if keeper.evidence.is_root => Err(ContainerError::OfHost(wanted.to_owned())),
            [(keeper, _)] => Ok(keeper),
            several => {
                let ids = several.iter().map(|(_, owner)| shown(owner)).collect();
                Err(ContainerError::Several { wanted: wanted.to_owned(), ids })
            }
        }
    }

    /// Returns the namespaces with such an owner, each with the first.
    fn matching(&self, is_wanted: impl Fn(&Owner) -> bool) -> Vec<(&Keeper, &Owner)> {
        let first = |keeper: &Keeper| keeper.evidence.owners.iter().position(&is_wanted);
        let found = self.keepers.values().filter_map(|keeper| Some((keeper, first(keeper)?)));
        found.filter_map(|(keeper, at)| Some((keeper, keeper.evidence.owners.get(at)?))).collect()
    }
}

/// Returns the files that the namespace can be opened by.
fn ways(keeper: &Keeper) -> impl Iterator<Item = PathBuf> {
    let files = keeper.files.iter().map(PathBuf::from);
    let process = keeper.evidence.process.iter();
    files.chain(process.map(|(pid, _)| Process::Pid(*pid).network_namespace_path()))
}

/// Returns whether this is the namespace that the census met.
fn is_same(keeper: &Keeper, netns: &NetNs) -> bool {
    keeper.evidence.cookie.is_none_or(|known| netns.cookie().is_ok_and(|cookie| cookie == known))
}

fn is_called(owner: &Owner, wanted: &str, catalog: &Catalog) -> bool {
    match owner {
        Owner::Container { id, .. } => {
            catalog.containers.get(id).and_then(|facts| facts.name.as_deref()) == Some(wanted)
        }
        Owner::Machine { name, .. } => name == wanted,
        Owner::Unit(_) => false,
    }
}

fn has_id(owner: &Owner, wanted: &str) -> bool {
    matches!(owner, Owner::Container { id, .. } if wanted.len() >= SHORTEST_ID && id.starts_with(wanted))
}

fn shown(owner: &Owner) -> String {
    let (runtime, id): (Runtime, String) = match owner {
        Owner::Container { runtime, id } => (*runtime, id.chars().take(SHORTEST_ID).collect()),
        Owner::Machine { runtime, name } => (*runtime, name.clone()),
        Owner::Unit(name) => (Runtime::Systemd, name.clone()),
    };
    format!("{runtime} {id}")
}

#[cfg(test)]
mod tests {
    use super::{
        super::naming::{Evidence, Facts},
        *,
    };

    fn id(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    fn owner(runtime: Runtime, digit: char) -> Owner {
        Owner::Container { runtime, id: id(digit) }
    }

    /// docker's web (a) with a sidecar (b), podman's db (c) and db of docker (d), and one of the host's network (e).
    fn containers() -> Containers {
        let netns = |owners: Vec<Owner>, is_root| Keeper {
            evidence: Evidence { owners, is_root, ..Evidence::default() },
            ..Keeper::default()
        };
        let keepers = [
            netns(vec![owner(Runtime::Docker, 'e')], true),
            netns(vec![owner(Runtime::Docker, 'a'), owner(Runtime::Docker, 'b')], false),
            netns(vec![owner(Runtime::Podman, 'c')], false),
            netns(vec![owner(Runtime::Docker, 'd')], false),
            netns(vec![Owner::Machine { runtime: Runtime::Lxc, name: "deb".to_owned() }], false),
        ];
        let facts = |name: &str| Facts { name: Some(name.to_owned()), ..Facts::default() };
        let named = [('a', "web"), ('b', "sidecar"), ('c', "db"), ('d', "db"), ('e', "exporter")];
        let catalog = Catalog {
            containers: named.map(|(digit, name)| (id(digit), facts(name))).into(),
            silent: [(Runtime::Podman, "there is no socket".to_owned())].into(),
        };
        Containers { keepers: (0..).map(Nsid).zip(keepers).collect(), catalog }
    }

    #[test]
    fn a_container_is_found_by_its_name_its_id_or_one_that_shares_its_network() {
        let containers = containers();
        for wanted in ["web", "sidecar", &id('a'), &id('b')[..12]] {
            assert_eq!(containers.find(wanted).unwrap().evidence.owners.len(), 2, "{wanted}");
        }
        assert_eq!(containers.find("deb").unwrap().evidence.owners.len(), 1);
        assert_eq!(containers.find(&id('c')[..12]).unwrap().evidence.owners, [owner(Runtime::Podman, 'c')]);
    }

    #[test]
    fn what_cannot_be_led_into_is_refused_with_the_reason() {
        let containers = containers();
        let said = |wanted: &str| containers.find(wanted).unwrap_err().to_string();
        let called = "no running container is called nginx (podman: there is no socket)";
        assert_eq!(said("nginx"), called);
        assert_eq!(said("aaaaaaaaaaa"), called.replace("nginx", "aaaaaaaaaaa"), "too short for an id");
        let several =
            "db is the name of several containers (podman cccccccccccc, docker dddddddddddd): give the id";
        assert_eq!(said("db"), several);
        assert_eq!(
            said("exporter"),
            "container exporter uses the network of the host, which a lab calls root"
        );
    }
}
