//! Reads the host once and collects everything that carries a mark of netmon's, by lab.
//!
//! What cannot be read is recorded and skipped: an incomplete list is better than none, as long as it says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    thread,
};

use netmon_kernel::{
    netlink::{clsact, link::Interface},
    netns::{
        NetnsId, directory,
        names::{self, Name, Placeholders},
    },
    pins,
    sys::capabilities::{Capability, has},
};
use netmon_model::{
    error::chain,
    names::{IfIndex, IfName, LabName, NsName, Place},
};

use super::{
    Condition, FoundFilter, FoundLab, Leftovers, filters,
    verdict::{self, Evidence},
};
use crate::{
    ownership::{
        claim,
        mark::Mark,
        state::{self, State},
        temporary,
    },
    services::recorded_cgroups,
    topology::{
        error::TopologyError,
        handle::{self, Handle},
        resolv,
    },
};

/// Finds everything that carries a mark.
#[must_use]
pub fn scan() -> Leftovers {
    handle::raise_descriptor_limit();
    let mut scan = Scan::begin();
    scan.root();
    scan.namespaces();
    scan.files();
    scan.pins();
    scan.finish()
}

#[derive(Default)]
struct Scan {
    labs: BTreeMap<LabName, Collected>,
    /// The namespaces that were read: one may have several names.
    namespaces: BTreeSet<NetnsId>,
    unreadable: Vec<String>,
}

/// What has been found of a lab so far.
#[derive(Default)]
struct Collected {
    seen: Evidence,
    filters: Vec<FoundFilter>,
    files: Vec<PathBuf>,
    pins: Vec<pins::LabPins>,
    state: Option<State>,
    temporary: bool,
}

impl Scan {
    /// Starts with every lab that has a folder.
    fn begin() -> Self {
        let mut scan = Self::default();
        for lab in state::labs() {
            let (state, temporary) = (State::load(&lab), temporary::is_temporary(&lab));
            scan.labs.insert(lab, Collected { state, temporary, ..Collected::default() });
        }
        scan
    }

    fn record_error<T>(&mut self, result: Result<T, TopologyError>) {
        if let Err(error) = result {
            self.unreadable.push(chain(&error));
        }
    }

    fn root(&mut self) {
        let root = NsName::root();
        let read = Handle::open(&root).and_then(|handle| {
            self.namespaces.insert(handle.namespace.identity());
            self.interfaces(&root, handle, None)
        });
        self.record_error(read);
    }

    /// Enters one namespace after the other, on a thread that ends in the last of them.
    fn namespaces(&mut self) {
        let mut names = match names::list() {
            Ok(names) => names,
            Err(error) => return self.record_error::<()>(Err(error.into())),
        };
        // If a namespace has several names, the one that its lab placed or recorded comes first.
        let states = self.labs.values().filter_map(|found| found.state.as_ref());
        let recorded = states.flat_map(|state| &state.namespaces).map(|recorded| &recorded.name);
        let known: BTreeSet<&NsName> = recorded.collect();
        let placeholders = Placeholders::open();
        let is_placed =
            |name: &NsName| placeholders.text(name).and_then(|text| Mark::lab_in(&text)).is_some();
        names.sort_by_cached_key(|name| (!is_placed(name), !known.contains(name)));
        if !names.is_empty() && !has(Capability::SysAdmin) {
            let what =
                format!("{} network namespaces: entering them needs {}", names.len(), Capability::SysAdmin);
            return self.unreadable.push(what);
        }
        let walked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    for name in names {
                        let read = self.namespace(&placeholders, &name);
                        self.record_error(read);
                    }
                })
                .join()
        });
        walked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }

    fn namespace(&mut self, placeholders: &Placeholders, name: &NsName) -> Result<(), TopologyError> {
        match names::look_up(name)? {
            None => Ok(()),
            Some(Name::Placeholder(text)) => {
                if let Some(lab) = Mark::lab_in(&text) {
                    self.lab(lab).seen.namespaces.insert(name.clone(), None);
                }
                Ok(())
            }
            Some(Name::Elsewhere) => Ok(()),
            Some(Name::Namespace(namespace)) if !self.namespaces.insert(namespace.identity()) => Ok(()),
            Some(Name::Namespace(namespace)) => {
                self.interfaces(name, Handle::enter(namespace)?, placeholders.text(name).as_deref())
            }
        }
    }

    fn lab(&mut self, lab: LabName) -> &mut Collected {
        self.labs.entry(lab).or_default()
    }

    /// Collects marked interfaces, also those that were moved to a foreign namespace.
    ///
    /// `placed` is the text of the file on which the namespace is mounted. `None` if it cannot be read.
    fn interfaces(
        &mut self,
        namespace: &NsName,
        mut handle: Handle,
        placed: Option<&str>,
    ) -> Result<(), TopologyError> {
        let interfaces = handle.netlink()?.interfaces()?;
        if !namespace.is_root() {
            let lo = interfaces.iter().find(|interface| interface.name == "lo");
            if let Some(lab) = lo.and_then(|lo| Mark::lab_in(lo.alias.as_deref()?)) {
                let cookie = handle.cookie()?;
                let is_placed = placed.is_none_or(|text| text == Mark::of(&lab).as_str());
                let recorded =
                    self.labs.get(&lab).and_then(|found| found.state.as_ref()?.cookie_of(namespace));
                if is_placed && recorded.is_none_or(|recorded| recorded == cookie) {
                    self.lab(lab).seen.namespaces.insert(namespace.clone(), Some(cookie));
                }
            }
        }
        let ours: Vec<(LabName, Place, IfIndex)> =
            interfaces.iter().filter_map(|interface| self.owned(namespace, interface)).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let qdiscs = handle.netlink()?.qdiscs()?.into_iter().filter(|qdisc| qdisc.kind == clsact::KIND);
        let with_hooks: BTreeSet<IfIndex> = qdiscs.map(|qdisc| qdisc.interface).collect();
        for (lab, place, index) in ours {
            let filters = match with_hooks.contains(&index) {
                true => filters::on(handle.netlink()?, &place, index)?,
                false => Vec::new(),
            };
            let found = self.lab(lab);
            found.filters.extend(filters);
            found.seen.interfaces.insert(place);
        }
        Ok(())
    }

    /// Returns the lab of an interface: by its mark, or by the link-layer address that was chosen for one that was not yet
    /// marked.
    fn owned(&self, namespace: &NsName, there: &Interface) -> Option<(LabName, Place, IfIndex)> {
        let interface: IfName = there.name.parse().ok().filter(|_| there.name != "lo")?;
        let chosen = |found: &Collected| {
            found.state.as_ref().is_some_and(|state| state.chose_mac(namespace, &there.name, there.mac))
        };
        let marked = there.alias.as_deref().and_then(Mark::lab_in);
        let lab =
            marked.or_else(|| self.labs.iter().find(|(_, found)| chosen(found)).map(|(lab, _)| lab.clone()));
        Some((lab?, Place { namespace: namespace.clone(), interface }, IfIndex(there.index)))
    }

    fn files(&mut self) {
        match resolv::list_all() {
            Ok(files) => files.into_iter().for_each(|(lab, path)| self.lab(lab).files.push(path)),
            Err(error) => self.record_error::<()>(Err(error)),
        }
    }

    fn pins(&mut self) {
        match pins::list() {
            Ok(found) => found.into_iter().for_each(|one| self.lab(one.lab().clone()).pins.push(one)),
            Err(error) => self.unreadable.push(chain(&error)),
        }
    }

    fn finish(mut self) -> Leftovers {
        let labs = std::mem::take(&mut self.labs);
        let labs: Vec<FoundLab> =
            labs.into_iter().map(|(lab, found)| found.finish(lab, &mut self.unreadable)).collect();
        let in_use = labs.iter().any(FoundLab::is_held);
        Leftovers { netns_directory: !in_use && directory::is_left_over(), labs, unreadable: self.unreadable }
    }
}

impl Collected {
    /// Reads the holder last, so that a process that claimed the lab during the scan is seen.
    fn finish(self, lab: LabName, unreadable: &mut Vec<String>) -> FoundLab {
        let folder = state::directory(&lab);
        let cgroups = recorded_cgroups(&lab, &folder).unwrap_or_else(|error| {
            unreadable.push(format!("services of lab {lab}: {error}"));
            Vec::new()
        });
        let condition = match claim::holder(&lab) {
            Some(holder) => Condition::Held { holder },
            None => verdict::condition(self.state.as_ref(), self.temporary, &self.seen),
        };
        let namespaces = self.seen.namespaces;
        let remain = |place: &Place| !namespaces.contains_key(&place.namespace);
        let outside = self.seen.interfaces.into_iter().filter(remain).collect();
        FoundLab {
            condition,
            interfaces: outside,
            namespaces: namespaces.into_keys().collect(),
            filters: self.filters,
            pins: self.pins,
            files: self.files,
            cgroups,
            folder: Some(folder).filter(|folder| folder.exists()),
            lab,
            state: self.state,
            temporary: self.temporary,
        }
    }
}
