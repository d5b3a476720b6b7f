//! Taking things away: namespaces, the links that do not die with them, files. Goes on after an error and
//! reports all of them.
//!
//! A namespace whose name is gone dies in the background and takes its veth ends along, a thousand at once in
//! 0.3 s, where deleting each link costs 20 ms. So names go first, and only the links that are still there when no more
//! go are deleted one by one: their namespace is held.

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

/// Between two looks at a link that is still there.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
/// How long to wait for the next link to go, at the least, and for each that is still there.
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_PER_LINK: Duration = Duration::from_millis(4);

/// What is to go. All of it carries the mark; whoever fills this in has seen to it.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// Names and, unless somebody holds them, namespaces.
    pub namespaces: Vec<NsName>,
    /// Links, by one end or both.
    pub links: Vec<Doomed>,
    /// Files for these namespaces.
    pub files: Vec<NsName>,
}

/// An end of a link that is to go.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// Where it is.
    pub place: Place,
    /// Its number there.
    pub index: IfIndex,
    /// Whether its peer is in a namespace that is to go as well.
    pub dies_by_itself: bool,
}

/// What did not go as it should.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is left, and why.
    pub errors: Vec<String>,
    /// What is gone, but not without remark.
    pub warnings: Vec<String>,
}

impl Removal {
    /// Removes all of it. `handles` are used and, for namespaces that go, dropped.
    pub fn execute(mut self, handles: &mut Handles, mark: &Mark, progress: &dyn Progress) -> Outcome {
        let mut outcome = Outcome::default();
        self.spare_names_that_were_taken(handles, &mut outcome);
        progress.busy("looking who is inside");
        let held = self.free_held_namespaces(handles, &mut outcome, progress);
        let (with_namespace, by_hand): (Vec<_>, Vec<_>) = self
            .links
            .into_iter()
            .partition(|doomed| doomed.dies_by_itself && !held.contains_key(&doomed.place.namespace));
        delete(by_hand, handles, &mut outcome, progress);
        remove_names(&self.namespaces, &mut outcome, progress);
        for name in &self.namespaces {
            handles.remove(name);
        }
        let in_root = with_namespace.into_iter().filter(|doomed| doomed.place.namespace.is_root()).collect();
        let left = await_end(in_root, progress);
        delete(left, handles, &mut outcome, progress);
        for namespace in &self.files {
            outcome.note(resolv::remove(namespace, mark));
        }
        outcome
    }

    /// A name that was ours when the host was read, and leads to another namespace by now.
    fn spare_names_that_were_taken(&mut self, handles: &Handles, outcome: &mut Outcome) {
        self.namespaces.retain(|name| {
            let identity = handles.get(name).map(|handle| handle.namespace.identity());
            let taken = identity.and_then(|identity| names::leads_to(name, identity)) == Some(false);
            if taken {
                outcome.warnings.push(format!("namespace {name} is somebody else's by now, and stays"));
            }
            !taken
        });
    }

    /// Whoever is inside a namespace keeps its links alive: these are deleted explicitly, and the process named.
    fn free_held_namespaces(
        &self,
        handles: &mut Handles,
        outcome: &mut Outcome,
        progress: &dyn Progress,
    ) -> BTreeMap<NsName, Vec<holders::Process>> {
        let held = holders::find(&self.namespaces);
        for (name, processes) in &held {
            let who = processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            outcome.warnings.push(format!("namespace {name} lives on without a name: {who} is inside"));
        }
        let inside: Vec<Doomed> =
            self.links.iter().filter(|doomed| held.contains_key(&doomed.place.namespace)).cloned().collect();
        delete(inside, handles, outcome, progress);
        held
    }
}

impl Outcome {
    fn note(&mut self, result: Result<(), TopologyError>) {
        if let Err(e) = result {
            self.errors.push(chain(&e));
        }
    }
}

/// Takes names away. The namespaces are held meanwhile: where one dies before the next has lost its name, the kernel takes
/// them away in many small lots, each with waits of its own, and is in the way of the next name.
fn remove_names(wanted: &[NsName], outcome: &mut Outcome, progress: &dyn Progress) {
    for (name, done) in wanted.iter().zip(1..) {
        outcome.note(names::remove(name).map_err(TopologyError::from));
        progress.at("namespaces removed", done, wanted.len());
    }
}

/// Deletes links one by one. One that is gone already is as it should be: its peer was deleted before it.
fn delete(doomed: Vec<Doomed>, handles: &mut Handles, outcome: &mut Outcome, progress: &dyn Progress) {
    let total = doomed.len();
    for (done, Doomed { place, index, .. }) in doomed.into_iter().enumerate() {
        progress.at("links deleted", done, total);
        if !handles.contains_key(&place.namespace) {
            match Handle::open(&place.namespace) {
                Ok(handle) => drop(handles.insert(place.namespace.clone(), handle)),
                Err(e) => {
                    outcome.note(Err(e));
                    continue;
                }
            }
        }
        let Some(handle) = handles.get_mut(&place.namespace) else { continue };
        let request = link::delete(index, place.interface.as_str());
        match handle.netlink().and_then(|netlink| netlink.request(&request)) {
            Err(e) if !e.is_not_found() => outcome.note(Err(e.into())),
            _ => {}
        }
    }
}

/// Waits until these interfaces of the calling thread's namespace are gone, or none of them goes any more. Returns those
/// that are still there.
fn await_end(mut left: Vec<Doomed>, progress: &dyn Progress) -> Vec<Doomed> {
    let total = left.len();
    let Ok(presence) = Presence::open() else { return left };
    let is_there = |doomed: &Doomed| presence.has(doomed.index, &doomed.place.interface);
    let mut last_seen = Instant::now();
    while !left.is_empty() {
        let before = left.len();
        // They go many at once: the last speaks for those before it, which are looked at when it is gone.
        while left.last().is_some_and(|last| !is_there(last)) {
            left.pop();
        }
        let patience = PATIENCE + PATIENCE_PER_LINK * u32::try_from(left.len()).unwrap_or(u32::MAX);
        if left.len() == before && last_seen.elapsed() > patience {
            // It may be the only one that stays.
            left.retain(is_there);
            if left.len() == before {
                break;
            }
        }
        if left.len() < before {
            last_seen = Instant::now();
            progress.at("links removed", total - left.len(), total);
        }
        pause();
    }
    left
}

/// Gives the kernel time to go on.
fn pause() {
    // Interrupted, it is shorter.
    let _ = nanosleep(&PAUSE);
}
