//! Changes a lab while it is watched. The plan says which links stay; the work is for the others.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use log::warn;
use netmon_model::{
    error::chain,
    lab::Lab,
    names::{IfIndex, Place},
    progress::Silent,
};
use thiserror::Error;

use super::{Watch, WatchError, state::Group};
use crate::{
    ownership::Claim,
    topology::{self, AttachObserver, BoxError, Endpoint, Prepared, Step, TopologyError},
};

/// How long the parts of a change took, after the plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeTimes {
    /// Carrying out the plan, without the part below.
    pub apply: Duration,
    /// Inventory, attaching, interfaces and audit.
    pub watch: Duration,
}

/// A lab could not be changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The topology could not be changed.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The changed lab could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

/// Attaches to the endpoints of a topology that is being built, and measures how long that takes.
struct Attaching<'w> {
    watch: &'w Watch,
    took: Duration,
}

impl AttachObserver for Attaching<'_> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        let began = Instant::now();
        let attached = self.watch.shared.lock().meter.attach(endpoints);
        self.took += began.elapsed();
        Ok(attached?)
    }
}

impl Watch {
    /// Changes a lab from `old` to `new` as prepared, and watches the result. Links that the plan keeps retain their counters.
    /// If the change fails, the lab is restored.
    pub(crate) fn change(
        &self,
        prepared: Prepared<'_>,
        (old, new): (&Lab, &Lab),
        claim: &Claim,
    ) -> Result<ChangeTimes, ChangeError> {
        let mut times = ChangeTimes::default();
        let began = Instant::now();
        // Whatever holds the namespaces of removed links open has to end before the namespaces are deleted.
        self.shared.lock().drop_links(|link| !prepared.plan().kept.contains(link));
        self.follow_changes()?;
        times.watch = began.elapsed();
        let configured: HashSet<Place> =
            prepared.plan().steps().filter_map(Step::configures).cloned().collect();
        let began = Instant::now();
        let mut attaching = Attaching { watch: self, took: Duration::ZERO };
        let (changed, lab) = match prepared.apply(&mut attaching, &Silent) {
            Ok(()) => (Ok(()), new),
            Err(error) => {
                if let Err(error) = topology::up(old, claim, &mut attaching, &Silent) {
                    warn!("the lab could not be restored: {}", chain(&error));
                }
                (Err(error), old)
            }
        };
        times.apply = began.elapsed().saturating_sub(attaching.took);
        let began = Instant::now();
        self.shared.lock().meter.inventory.set_lab(self.info(lab));
        self.follow_changes()?;
        self.expect_as_they_are(&configured);
        self.declare_impairments(lab);
        times.watch += attaching.took + began.elapsed();
        changed?;
        Ok(times)
    }

    /// Takes the current state of these interfaces, and of those that had drifted, as the expected one: the change has
    /// configured them.
    fn expect_as_they_are(&self, configured: &HashSet<Place>) {
        // Not in the head of the loop: a temporary there would hold the lock until the loop ends.
        let groups = self.shared.lock().configured(configured);
        for Group { netns, namespace, endpoints } in groups {
            let indexes: Vec<IfIndex> = endpoints.iter().map(|one| one.ifindex).collect();
            let subscription = match self.follower.subscribe(&netns, &namespace) {
                Ok(subscription) => subscription,
                Err(error) => {
                    warn!("{}", WatchError::Interfaces(error));
                    continue;
                }
            };
            match subscription.read(&indexes) {
                Ok(listed) => {
                    let mut state = self.shared.lock();
                    endpoints.iter().for_each(|one| state.interfaces.reset(one.id, &listed));
                }
                Err(error) => warn!("{}", chain(&error)),
            }
        }
    }
}
