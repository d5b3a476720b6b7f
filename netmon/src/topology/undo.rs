//! Records what a build has done so far, and undoes it if the build fails: in reverse order, continuing after errors.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
};

use netmon_kernel::{
    netlink::{Netlink, Request},
    netns::directory,
};
use netmon_model::{
    error::chain,
    names::{IfIndex, NsName, Place},
    progress::Silent,
};

use super::{
    handle::Handles,
    removal::{Removal, StaleInterface},
    resolv::{self, ResolvConf},
    sysctl,
};
use crate::ownership::{
    mark::Mark,
    state::{State, path_of},
};

/// What a build has done so far.
#[derive(Debug, Default)]
pub struct Undo {
    namespaces: BTreeSet<NsName>,
    bridges: Vec<Place>,
    links: Vec<(Place, Place)>,
    interfaces: BTreeSet<Place>,
    files: Vec<(NsName, Option<Vec<IpAddr>>)>,
    settings: Vec<(NsName, String, String)>,
    requests: Vec<(NsName, Request)>,
}

impl Undo {
    /// Records that a namespace was created.
    pub fn created_namespace(&mut self, name: &NsName) {
        self.namespaces.insert(name.clone());
    }

    /// Returns how many namespaces were created.
    #[must_use]
    pub fn namespaces_created(&self) -> usize {
        self.namespaces.len()
    }

    /// Returns whether this build created the namespace. Then nothing in it has to be undone separately.
    #[must_use]
    pub fn is_new_namespace(&self, name: &NsName) -> bool {
        self.namespaces.contains(name)
    }

    /// Records that a bridge was created.
    pub fn created_bridge(&mut self, place: &Place) {
        self.bridges.push(place.clone());
        self.interfaces.insert(place.clone());
    }

    /// Records that a link was created.
    pub fn created_link(&mut self, a: &Place, b: &Place) {
        self.links.push((a.clone(), b.clone()));
        self.interfaces.extend([a.clone(), b.clone()]);
    }

    /// Returns whether this build created the interface. Then nothing on it has to be undone separately.
    #[must_use]
    pub fn is_new_interface(&self, place: &Place) -> bool {
        self.interfaces.contains(place)
    }

    /// Records that a file is about to be written, and what it was.
    pub fn will_write_file(&mut self, namespace: &NsName, before: Option<&ResolvConf>) {
        let before = match before {
            Some(ResolvConf::Ours(servers)) => Some(servers.clone()),
            _ => None,
        };
        self.files.push((namespace.clone(), before));
    }

    /// Records that a kernel setting was changed, and its previous value.
    pub fn changed_setting(&mut self, namespace: &NsName, key: &str, before: String) {
        if !self.is_new_namespace(namespace) {
            self.settings.push((namespace.clone(), key.to_owned(), before));
        }
    }

    /// Records that a request succeeded, and the one that undoes it.
    pub fn requested(&mut self, namespace: &NsName, inverse: Request) {
        self.requests.push((namespace.clone(), inverse));
    }

    /// Undoes everything, and returns what could not be undone. `before` is the state to restore.
    pub fn execute(
        &mut self,
        handles: &mut Handles,
        mark: &Mark,
        state: &State,
        before: Option<&State>,
    ) -> Vec<String> {
        let mut left = Vec::new();
        for (namespace, request) in self.requests.drain(..).rev() {
            let Some(handle) = handles.get_mut(&namespace) else { continue };
            match handle.netlink().and_then(|netlink| netlink.request(&request)) {
                Err(e) if !e.is_not_found() && !e.is_already_there() => left.push(chain(&e)),
                _ => {}
            }
        }
        for (namespace, key, before) in self.settings.drain(..).rev() {
            let Some(handle) = handles.get(&namespace) else { continue };
            left.extend(sysctl::write(&handle.namespace, &key, &before).err().map(|e| chain(&e)));
        }
        let removal = self.removal(handles, &mut left);
        left.extend(removal.execute(handles, mark, &Silent).errors);
        self.restore_files(mark, state, &mut left);
        restore_state(state, before, &mut left);
        left
    }

    /// Returns the namespaces, interfaces and files that this build created, for their removal.
    fn removal(&self, handles: &mut Handles, left: &mut Vec<String>) -> Removal {
        let mut indexes: BTreeMap<&NsName, BTreeMap<String, IfIndex>> = BTreeMap::new();
        for end in self.interfaces.iter().filter(|end| !self.is_new_namespace(&end.namespace)) {
            let Some(handle) = handles.get_mut(&end.namespace) else { continue };
            if indexes.contains_key(&end.namespace) {
                continue;
            }
            match handle.netlink().and_then(Netlink::interfaces) {
                Ok(there) => {
                    let there = there.into_iter().map(|i| (i.name, IfIndex(i.index))).collect();
                    indexes.insert(&end.namespace, there);
                }
                Err(e) => left.push(chain(&e)),
            }
        }
        let end = |here: &Place, peer: &Place| {
            let index = *indexes.get(&here.namespace)?.get(here.interface.as_str())?;
            let goes_with_namespace = here.namespace.is_root() && self.is_new_namespace(&peer.namespace);
            Some(StaleInterface { place: here.clone(), index, goes_with_namespace })
        };
        let bridge = |here: &Place| {
            let index = *indexes.get(&here.namespace)?.get(here.interface.as_str())?;
            Some(StaleInterface { place: here.clone(), index, goes_with_namespace: false })
        };
        let links = self.links.iter().flat_map(|(a, b)| [end(a, b), end(b, a)]);
        let links = links.chain(self.bridges.iter().map(bridge)).flatten().collect();
        let files = self.files.iter().filter(|(_, before)| before.is_none()).map(|(name, _)| name.clone());
        Removal { namespaces: self.namespaces.iter().cloned().collect(), links, files: files.collect() }
    }

    fn restore_files(&mut self, mark: &Mark, state: &State, left: &mut Vec<String>) {
        for (namespace, before) in self.files.drain(..) {
            if let Some(servers) = before {
                let written = resolv::write(&namespace, &servers, mark, state.folders.iter());
                left.extend(written.err().map(|e| chain(&e)));
            }
        }
    }
}

fn restore_state(state: &State, before: Option<&State>, left: &mut Vec<String>) {
    match before {
        // Nothing was written, perhaps for lack of space: then nothing has to be restored.
        Some(before) if State::load(&state.lab).as_ref() == Some(before) => {}
        Some(before) => left.extend(before.store().err().map(|e| chain(&e))),
        None => {
            for folder in state.folders.iter().rev() {
                left.extend(resolv::remove_folder_if_empty(folder).err().map(|e| chain(&e)));
            }
            // If this fails, the state claims that all of it may exist, which does no harm.
            let _ = fs::remove_file(path_of(&state.lab));
        }
    }
    left.extend(directory::restore_if_unused().err().map(|e| chain(&e)));
}
