//! Taking things away: namespaces, the links that do not die with them, files. Goes on after an error and
//! reports all of them.
//!
//! A namespace whose name is gone dies in the background and takes its veth ends along, a thousand at once in
//! 0.7 s, where deleting each link costs 20 ms. So names go first, the kernel's announcements are awaited,
//! and only what is still there when they stop coming is deleted one by one: its namespace is held.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{
    error::TopologyError,
    handle::{Handle, Handles},
    holders,
    mark::Mark,
    plan::Place,
    progress::Progress,
    resolv,
};
use crate::{
    causes::in_full,
    names::{IfIndex, NsName},
    netlink::{
        Netlink, link,
        watch::{LinkWatch, Seen},
    },
    netns::names,
};

/// How long to wait for the next announcement, at the least, and for each link that is still there.
const PATIENCE: Duration = Duration::from_millis(400);
const PATIENCE_PER_LINK: Duration = Duration::from_millis(4);
/// How many names are taken away at once.
const AT_ONCE: usize = 8;

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
        let watch = LinkWatch::open();
        progress.busy("looking who is inside");
        let held = self.free_held_namespaces(handles, &mut outcome, progress);
        let (with_namespace, by_hand): (Vec<_>, Vec<_>) = self
            .links
            .into_iter()
            .partition(|doomed| doomed.dies_by_itself && !held.contains_key(&doomed.place.namespace));
        delete(by_hand, handles, &mut outcome, progress);
        for name in &self.namespaces {
            handles.remove(name);
        }
        remove_names(&self.namespaces, &mut outcome, progress);
        let in_root = with_namespace.into_iter().filter(|doomed| doomed.place.namespace.is_root()).collect();
        let left = await_end(in_root, watch, progress);
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
            self.errors.push(in_full(&e));
        }
    }
}

/// Takes names away, several at once: each waits for the kernel to see that nobody is just looking at it
/// (an expedited RCU grace period, about 0.3 ms), and many may wait for the same one.
fn remove_names(wanted: &[NsName], outcome: &mut Outcome, progress: &dyn Progress) {
    let total = wanted.len();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for share in wanted.chunks(total.div_ceil(AT_ONCE).max(1)) {
            let sender = sender.clone();
            scope.spawn(move || share.iter().try_for_each(|name| sender.send(names::remove(name))));
        }
        drop(sender);
        for (done, removed) in receiver.into_iter().enumerate() {
            outcome.note(removed.map_err(TopologyError::from));
            progress.at("namespaces removed", done + 1, total);
        }
    });
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
        match handle.netlink.request(&link::delete(index, place.interface.as_str())) {
            Err(e) if !e.is_not_found() => outcome.note(Err(e.into())),
            _ => {}
        }
    }
}

/// Waits until these interfaces of the calling thread's namespace are gone, or nothing happens any more.
/// Returns those that are still there.
fn await_end(doomed: Vec<Doomed>, watch: io::Result<LinkWatch>, progress: &dyn Progress) -> Vec<Doomed> {
    let total = doomed.len();
    let mut left: BTreeMap<IfIndex, Doomed> = doomed.into_iter().map(|d| (d.index, d)).collect();
    let Ok(watch) = watch else { return left.into_values().collect() };
    let mut last_seen = Instant::now();
    while !left.is_empty() {
        let patience = PATIENCE + PATIENCE_PER_LINK * u32::try_from(left.len()).unwrap_or(u32::MAX);
        let Some(remaining) = patience.checked_sub(last_seen.elapsed()) else { break };
        let Ok(announced) = watch.next(remaining) else { break };
        for seen in announced {
            match seen {
                Seen::Gone(index) | Seen::Moved(index) => {
                    if left.remove(&index).is_some() {
                        last_seen = Instant::now();
                    }
                }
                Seen::Changed(_) => {}
                Seen::Lost => {
                    let Some(there) = interfaces_now() else { return left.into_values().collect() };
                    left.retain(|index, _| there.contains(index));
                    last_seen = Instant::now();
                }
            }
        }
        progress.at("links removed", total - left.len(), total);
    }
    left.into_values().collect()
}

fn interfaces_now() -> Option<BTreeSet<IfIndex>> {
    let interfaces = Netlink::open().and_then(|mut netlink| netlink.interfaces()).ok()?;
    Some(interfaces.into_iter().map(|interface| IfIndex(interface.index)).collect())
}
