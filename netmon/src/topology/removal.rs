//! Removes namespaces, links that are not destroyed with them, and files. Continues after an error and reports all of
//! them.
//!
//! After its name is deleted, the kernel destroys a namespace in the background, together with its veth pairs: a
//! thousand at once in 0.3 s, while deleting each link takes 20 ms. So the names go first. Links that still exist when
//! no more of them disappear are deleted one by one: a process keeps their namespace alive.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use netmon_kernel::{
    netlink::{link, presence::Presence},
    netns::names,
};
use netmon_model::{
    error::chain,
    names::{IfIndex, NsName, Place},
    progress::Progress,
};
use rustix::{fs::Timespec, thread::nanosleep};

use super::{
    error::TopologyError,
    handle::{Handle, Handles},
    resolv,
};
use crate::ownership::{holders, mark::Mark};

/// Between two checks whether a link still exists.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
/// How long to wait for the next link to disappear: at least, and for each that still exists.
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_PER_LINK: Duration = Duration::from_millis(4);

/// What is to be removed. The caller has checked that all of it is the lab's.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// Namespaces, by name. One that a process is in survives without its name.
    pub namespaces: Vec<NsName>,
    /// Links, by one end or both.
    pub links: Vec<StaleInterface>,
    /// resolv.conf files, by namespace.
    pub files: Vec<NsName>,
}

/// A bridge, or an end of a link, that is to be removed.
#[derive(Clone, Debug)]
pub struct StaleInterface {
    /// Where it is.
    pub place: Place,
    /// Its index there.
    pub index: IfIndex,
    /// Whether it is destroyed with a namespace that is removed as well, its own or its peer's.
    pub goes_with_namespace: bool,
}

/// What did not go smoothly.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What could not be removed, and why.
    pub errors: Vec<String>,
    /// What was removed with caveats, or kept because it is no longer the lab's.
    pub warnings: Vec<String>,
}

impl Removal {
    /// Removes all of it. Closes the `handles` of removed namespaces, which would keep them alive.
    pub fn execute(mut self, handles: &mut Handles, mark: &Mark, progress: &dyn Progress) -> Outcome {
        let mut outcome = Outcome::default();
        self.keep_reused_names(handles, &mut outcome);
        progress.busy("looking for processes in the namespaces");
        let held = self.delete_links_of_held_namespaces(handles, &mut outcome, progress);
        let (with_namespace, by_hand): (Vec<_>, Vec<_>) = self
            .links
            .into_iter()
            .partition(|link| link.goes_with_namespace && !held.contains_key(&link.place.namespace));
        delete(by_hand, handles, &mut outcome, progress);
        remove_names(&self.namespaces, &mut outcome, progress);
        for name in &self.namespaces {
            handles.remove(name);
        }
        let in_root = with_namespace.into_iter().filter(|link| link.place.namespace.is_root()).collect();
        let left = await_removal(in_root, progress);
        delete(left, handles, &mut outcome, progress);
        for namespace in &self.files {
            outcome.record(resolv::remove(namespace, mark));
        }
        outcome
    }

    /// Keeps names that refer to another namespace than when the host was read.
    fn keep_reused_names(&mut self, handles: &Handles, outcome: &mut Outcome) {
        self.namespaces.retain(|name| {
            let identity = handles.get(name).map(|handle| handle.namespace.identity());
            let reused = identity.and_then(|identity| names::refers_to(name, identity)) == Some(false);
            if reused {
                outcome.warnings.push(not_ours_any_more(&format!("namespace {name}")));
            }
            !reused
        });
    }

    /// Deletes the links of namespaces that are held by a process inside, which would keep them alive, and names the
    /// process.
    fn delete_links_of_held_namespaces(
        &self,
        handles: &mut Handles,
        outcome: &mut Outcome,
        progress: &dyn Progress,
    ) -> BTreeMap<NsName, Vec<holders::Process>> {
        let held = holders::processes_inside(&self.namespaces);
        for (name, processes) in &held {
            let who = processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            outcome.warnings.push(format!(
                "namespace {name} lost its name and its links, and exists until {who} has ended"
            ));
        }
        let inside: Vec<StaleInterface> =
            self.links.iter().filter(|link| held.contains_key(&link.place.namespace)).cloned().collect();
        delete(inside, handles, outcome, progress);
        held
    }
}

/// Returns the warning that an object of the lab has become another program's, and is kept.
pub(super) fn not_ours_any_more(what: &str) -> String {
    format!("{what} is no longer the lab's, and was kept")
}

impl Outcome {
    fn record(&mut self, result: Result<(), TopologyError>) {
        if let Err(e) = result {
            self.errors.push(chain(&e));
        }
    }
}

/// Deletes names. `handles` keep the namespaces alive meanwhile: if one is destroyed before the next has lost its name,
/// the kernel destroys them in many small batches, each with waits of its own, and holds locks that the next name
/// needs.
fn remove_names(wanted: &[NsName], outcome: &mut Outcome, progress: &dyn Progress) {
    for (name, done) in wanted.iter().zip(1..) {
        outcome.record(names::remove(name).map_err(TopologyError::from));
        progress.at("namespaces removed", done, wanted.len());
    }
}

/// Deletes links one by one. One that does not exist was deleted with its peer.
fn delete(links: Vec<StaleInterface>, handles: &mut Handles, outcome: &mut Outcome, progress: &dyn Progress) {
    let total = links.len();
    for (done, StaleInterface { place, index, .. }) in links.into_iter().enumerate() {
        progress.at("links deleted", done, total);
        if !handles.contains_key(&place.namespace) {
            match Handle::open(&place.namespace) {
                Ok(handle) => drop(handles.insert(place.namespace.clone(), handle)),
                Err(e) => {
                    outcome.record(Err(e));
                    continue;
                }
            }
        }
        let Some(handle) = handles.get_mut(&place.namespace) else { continue };
        let request = link::delete(index, place.interface.as_str());
        match handle.netlink().and_then(|netlink| netlink.request(&request)) {
            Err(e) if !e.is_not_found() => outcome.record(Err(e.into())),
            _ => {}
        }
    }
}

/// Waits until these interfaces of the calling thread's namespace are destroyed, or no more of them disappear. Returns
/// those that still exist.
fn await_removal(mut left: Vec<StaleInterface>, progress: &dyn Progress) -> Vec<StaleInterface> {
    let total = left.len();
    let Ok(presence) = Presence::open() else { return left };
    let exists = |link: &StaleInterface| presence.has(link.index, &link.place.interface);
    let mut last_change = Instant::now();
    while !left.is_empty() {
        let before = left.len();
        // They disappear many at once: while the last one exists, the others need no check.
        while left.last().is_some_and(|last| !exists(last)) {
            left.pop();
        }
        let patience = PATIENCE + PATIENCE_PER_LINK * u32::try_from(left.len()).unwrap_or(u32::MAX);
        if left.len() == before && last_change.elapsed() > patience {
            // The last one may be the only one that stays.
            left.retain(exists);
            if left.len() == before {
                break;
            }
        }
        if left.len() < before {
            last_change = Instant::now();
            progress.at("links removed", total - left.len(), total);
        }
        pause();
    }
    left
}

/// Gives the kernel time to work.
fn pause() {
    // A signal makes it shorter, which does no harm.
    let _ = nanosleep(&PAUSE);
}
