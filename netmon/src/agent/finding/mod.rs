//! Watches the links of the host (`netmon run --discover`): follows them on a thread of its own, and hands what changed to
//! [`Watch`].
//!
//! [`label`] names the ends, [`reconcile`] compares what is measured with what there is. Both are pure.

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
use netmon_model::{error::chain, names::LabName, survey::Survey};

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
    /// Reads what there is, measures it, and follows it from then on.
    pub(super) fn start(selection: Selection, watch: Arc<Watch>) -> Result<Self, AgentError> {
        let discovery = Discovery::open(selection)?;
        let mut follower =
            Follower { discovery, watch, measured: Measured::default(), left: BTreeMap::new() };
        follower.reconcile(Instant::now());
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
    measured: Measured,
    /// Labs whose links are left to their agent.
    left: BTreeMap<LabName, Holder>,
}

impl Follower {
    fn follow(&mut self, end: &AtomicBool) {
        while !end.load(Relaxed) {
            match self.discovery.next(TICK) {
                Ok(changes) => {
                    let now = Instant::now();
                    if !changes.is_empty() || self.measured.is_due(now) || has_labs(self.discovery.survey()) {
                        self.reconcile(now);
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
        let left: BTreeSet<&LabName> = self.left.keys().collect();
        let wanted = label::links(self.discovery.survey(), &left);
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

    /// Finds the labs that have an agent of their own, which counts their links.
    fn leave_labs(&mut self) {
        let labs: BTreeSet<&LabName> =
            self.discovery.survey().links.iter().filter_map(|link| link.lab.as_ref()).collect();
        let held = |lab: &LabName| Some((lab.clone(), claim::holder(lab)?));
        let left: BTreeMap<LabName, Holder> = labs.into_iter().filter_map(held).collect();
        for (lab, holder) in left.iter().filter(|(lab, _)| !self.left.contains_key(*lab)) {
            info!("lab {lab}: its links are left to its agent, {holder}");
        }
        self.left = left;
    }
}

fn has_labs(survey: &Survey) -> bool {
    survey.links.iter().any(|link| link.lab.is_some())
}
