//! What an unfinished build has done so far, and taking it back: in reverse, and going on after an error.

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
    removal::{Doomed, Removal},
    resolv::{self, ResolvConf},
    sysctl,
};
use crate::ownership::{
    mark::Mark,
    state::{State, path_of},
};

/// What was done.
#[derive(Debug, Default)]
pub struct Undo {
    namespaces: BTreeSet<NsName>,
    bridges: Vec<Place>,
    links: Vec<(Place, Place)>,
    ends: BTreeSet<Place>,
    files: Vec<(NsName, Option<Vec<IpAddr>>)>,
    settings: Vec<(NsName, String, String)>,
    requests: Vec<(NsName, Request)>,
}

impl Undo {
    /// A namespace was made.
    pub fn made_namespace(&mut self, name: &NsName) {
        self.namespaces.insert(name.clone());
    }

    /// How many namespaces were made.
    #[must_use]
    pub fn namespaces_made(&self) -> usize {
        self.namespaces.len()
    }

    /// Whether the namespace was made in this build: what is in it goes with it.
    #[must_use]
    pub fn is_new_namespace(&self, name: &NsName) -> bool {
        self.namespaces.contains(name)
    }

    /// A bridge was made.
    pub fn made_bridge(&mut self, place: &Place) {
        self.bridges.push(place.clone());
        self.ends.insert(place.clone());
    }

    /// A link was made.
    pub fn made_link(&mut self, a: &Place, b: &Place) {
        self.links.push((a.clone(), b.clone()));
        self.ends.extend([a.clone(), b.clone()]);
    }

    /// Whether this bridge, or the link of this end, was made in this build.
    #[must_use]
    pub fn is_new_end(&self, place: &Place) -> bool {
        self.ends.contains(place)
    }

    /// A file is about to be written.
    pub fn will_write_file(&mut self, namespace: &NsName, before: Option<&ResolvConf>) {
        let before = match before {
            Some(ResolvConf::Ours(servers)) => Some(servers.clone()),
            _ => None,
        };
        self.files.push((namespace.clone(), before));
    }

    /// A kernel setting was changed.
    pub fn changed_setting(&mut self, namespace: &NsName, key: &str, before: String) {
        if !self.is_new_namespace(namespace) {
            self.settings.push((namespace.clone(), key.to_owned(), before));
        }
    }

    /// A request was granted, which `inverse` takes back.
    pub fn changed(&mut self, namespace: &NsName, inverse: Request) {
        self.requests.push((namespace.clone(), inverse));
    }

    /// Takes all of it back, and returns what could not be. `before` is the state to go back to.
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

    /// Everything that was not there before.
    fn removal(&self, handles: &mut Handles, left: &mut Vec<String>) -> Removal {
        let mut indexes: BTreeMap<&NsName, BTreeMap<String, IfIndex>> = BTreeMap::new();
        for end in self.ends.iter().filter(|end| !self.is_new_namespace(&end.namespace)) {
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
        let doomed = |here: &Place, peer: &Place| {
            let index = *indexes.get(&here.namespace)?.get(here.interface.as_str())?;
            let dies_by_itself = here.namespace.is_root() && self.is_new_namespace(&peer.namespace);
            Some(Doomed { place: here.clone(), index, dies_by_itself })
        };
        let bridge = |here: &Place| {
            let index = *indexes.get(&here.namespace)?.get(here.interface.as_str())?;
            Some(Doomed { place: here.clone(), index, dies_by_itself: false })
        };
        let links = self.links.iter().flat_map(|(a, b)| [doomed(a, b), doomed(b, a)]);
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
        // What could not be written, for want of space perhaps, need not be written back.
        Some(before) if State::load(&state.lab).as_ref() == Some(before) => {}
        Some(before) => left.extend(before.store().err().map(|e| chain(&e))),
        None => {
            for folder in state.folders.iter().rev() {
                left.extend(resolv::remove_folder_if_empty(folder).err().map(|e| chain(&e)));
            }
            // When this fails the state says that all of it may be there, which is safe.
            let _ = fs::remove_file(path_of(&state.lab));
        }
    }
    left.extend(directory::restore_if_unused().err().map(|e| chain(&e)));
}
