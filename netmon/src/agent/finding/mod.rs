//! Watches the links of the host (`netmon run --discover`): follows them on a thread of its own, and hands what changed to
//! [`Watch`].
//!
//! [`label`] names the ends, [`reconcile`] compares what is measured with what there is, [`host`] says what is left out. All are
//! pure.

mod host;
mod label;
mod reconcile;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use log::{error, info, warn};
use netmon_model::{
    error::chain,
    names::LabName,
    survey::{SkipReason, Survey},
};

use self::reconcile::Measured;
use super::AgentError;
use crate::{
    discover::{Discovery, Selection},
    ownership::{Holder, claim},
    watch::Watch,
};

/// How often the end of the agent, labs that came to an agent, and links that ended some time ago are looked at.
const TICK: Duration = Duration::from_millis(500);

/// The thread that follows the links of the host.
pub(super) struct Finding {
    thread: JoinHandle<()>,
    end: Arc<AtomicBool>,
}

impl Finding {
    /// Reads what there is, measures it, and follows it from then on. Links of the lab `own` are left to this agent's hooks.
    pub(super) fn start(
        selection: Selection,
        watch: Arc<Watch>,
        own: Option<LabName>,
    ) -> Result<Self, AgentError> {
        let discovery = Discovery::open(selection)?;
        let (measured, left, skipped) = (Measured::default(), BTreeMap::new(), BTreeMap::new());
        let mut follower = Follower { discovery, watch, own, measured, left, skipped };
        follower.reconcile(Instant::now());
        follower.describe();
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let run = move || follower.follow(&ended);
        let thread =
            thread::Builder::new().name("discovery".to_owned()).spawn(run).map_err(AgentError::Follow)?;
        Ok(Self { thread, end })
    }

    /// Stops following. What is measured stays measured.
    pub(super) fn stop(self) -> Result<(), AgentError> {
        self.end.store(true, Relaxed);
        self.thread.join().map_err(|_| AgentError::Follow(io::Error::other("the thread panicked")))
    }
}

struct Follower {
    discovery: Discovery,
    watch: Arc<Watch>,
    /// The lab of this agent. `None` if it builds none.
    own: Option<LabName>,
    measured: Measured,
    /// Labs whose links are left to their agent.
    left: BTreeMap<LabName, Holder>,
    /// What was left out when the host was described last.
    skipped: BTreeMap<SkipReason, usize>,
}

impl Follower {
    fn follow(&mut self, end: &AtomicBool) {
        while !end.load(Relaxed) {
            match self.discovery.next(TICK) {
                Ok(changes) => {
                    let now = Instant::now();
                    let has_changed = !changes.is_empty();
                    if has_changed || self.measured.is_due(now) || has_labs(self.discovery.survey()) {
                        self.reconcile(now);
                    }
                    if has_changed || self.discovery.survey().skipped != self.skipped {
                        self.describe();
                    }
                }
                Err(error) => {
                    error!("links of this host are no longer followed: {}", chain(&error));
                    return;
                }
            }
        }
    }

    fn reconcile(&mut self, now: Instant) {
        self.leave_labs();
        let wanted = label::links(self.discovery.survey(), &self.labs(), &self.watch.lab_links());
        let update = self.measured.update(wanted, now);
        if update.is_empty() {
            return;
        }
        if let Err(error) = self.watch.update_found(&update) {
            // Tried again when something changes: the kernel rarely says otherwise a moment later.
            self.measured.retry(update);
            warn!("{}", chain(&error));
        }
    }

    /// Returns the labs whose links are left to an agent, this one's included.
    fn labs(&self) -> BTreeSet<&LabName> {
        self.left.keys().chain(&self.own).collect()
    }

    /// Says what there is, and what is left out.
    fn describe(&mut self) {
        let survey = self.discovery.survey();
        self.watch.set_host(host::describe(survey, &self.left.keys().collect()));
        self.skipped.clone_from(&survey.skipped);
    }

    /// Finds the labs that have another agent, which counts their links.
    fn leave_labs(&mut self) {
        let labs: BTreeSet<&LabName> =
            self.discovery.survey().links.iter().filter_map(|link| link.lab.as_ref()).collect();
        let held = |lab: &LabName| Some((lab.clone(), claim::holder(lab)?));
        let others = labs.into_iter().filter(|lab| self.own.as_ref() != Some(*lab));
        let left: BTreeMap<LabName, Holder> = others.filter_map(held).collect();
        for (lab, holder) in left.iter().filter(|(lab, _)| !self.left.contains_key(*lab)) {
            info!("lab {lab}: its links are left to its agent, {holder}");
        }
        let has_changed = !left.keys().eq(self.left.keys());
        self.left = left;
        if has_changed {
            self.describe();
        }
    }
}

fn has_labs(survey: &Survey) -> bool {
    survey.links.iter().any(|link| link.lab.is_some())
}
