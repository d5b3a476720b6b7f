//! A lab that is built and watched, from its claim to its removal.

use std::sync::{Arc, atomic::AtomicBool};

use log::{info, warn};
use netmon_model::{
    error::chain,
    lab::{Lab, Probe, Service, Source},
    names::LabName,
    progress::Progress,
    server_address::ServerAddress,
};
use tokio::task::spawn_blocking;

use super::{
    AgentError, Config, Started, finding::Finding, lent::Lent, persist, security_of, services::Services,
};
use crate::{
    control::{self, Connection},
    ownership::{Claim, OwnershipError, state, temporary},
    server,
    services::leave_running,
    watch::{Watch, upkeep::Upkeep},
};

/// A lab that is built and watched.
pub(super) struct Running {
    pub(super) lab: Lab,
    pub(super) claim: Claim,
    /// The right to watch the links of the host beside the lab's. `None` if they are not watched, or there is no lab.
    pub(super) beside: Option<Claim>,
    pub(super) watch: Arc<Watch>,
    /// What follows the links of the host. `None` if only the lab is watched.
    finding: Option<Finding>,
    /// What follows the containers that the lab's links lead into. `None` if none does.
    lent: Option<Lent>,
    pub(super) services: Services,
    /// Whether the lab stays when the agent ends.
    pub(super) stays: bool,
    /// Whether the lab's probes run.
    probes: bool,
    /// How it is served.
    pub(super) serving: server::Options,
    /// Services that run beside those of the lab file.
    pub(super) further_services: Vec<Service>,
    /// The pending `Down` request, answered after shutdown. `None` if a signal ended the agent.
    pub(super) waiting: Option<Connection>,
}

impl Running {
    /// Claims and builds the lab, with programs on its hooks before its interfaces are up.
    pub(super) async fn build(
        lab: Lab,
        config: Config,
        progress: Arc<dyn Progress + Send + Sync>,
    ) -> Result<Self, AgentError> {
        let work = move || {
            let lab = with_further(lab, &config.further_services);
            let beside =
                discovers_beside(&lab, &config).then(|| Claim::take(&LabName::discover())).transpose()?;
            let claim = Claim::take(&lab.name)?;
            let stays = config.keep || was_left(&lab.name);
            record(&lab.name, stays)?;
            let watch = persist::build(&lab, &claim, &config.datapath, config.persist, progress.as_ref())
                .and_then(|meter| Ok(Watch::start(&lab, meter)?));
            if watch.is_err() && !stays {
                // The build was rolled back; remove its marker file too.
                temporary::make_permanent(&lab.name)?;
            }
            let watch = Arc::new(watch?);
            let Config { discover, probes, serving, further_services, .. } = config;
            let own = beside.as_ref().map(|_| lab.name.clone());
            if beside.is_some() {
                watch.also_discovers();
            }
            let undo = |_: &AgentError| {
                drop(watch.release());
                let errors = if stays { Vec::new() } else { control::remove(&claim, progress.as_ref()) };
                errors.iter().for_each(|error| warn!("{error}"));
            };
            let leads = !lab.containers.is_empty();
            let lent = leads.then(|| Lent::start(Arc::clone(&watch))).transpose().inspect_err(undo)?;
            let find = |selection| Finding::start(selection, Arc::clone(&watch), own);
            let finding = discover.map(find).transpose().inspect_err(undo)?;
            Ok(Self {
                lab,
                claim,
                beside,
                watch,
                finding,
                lent,
                services: Services::default(),
                stays,
                probes,
                serving,
                further_services,
                waiting: None,
            })
        };
        spawn_blocking(work).await.map_err(AgentError::Panicked)?
    }

    /// Publishes the address of the agent, under each name by which it can be asked for.
    pub(super) fn announce(&mut self, http: Option<&ServerAddress>) -> Result<(), OwnershipError> {
        let mut claims = self.beside.iter_mut().chain([&mut self.claim]);
        claims.try_for_each(|claim| claim.announce(http.cloned()))
    }

    /// Returns the report for the caller of the agent.
    pub(super) fn started(&self, http: Vec<ServerAddress>) -> Started {
        let (features, pinned) = (self.watch.features(), self.watch.pinned());
        let found = self.finding.as_ref().map(|_| self.watch.found_links());
        let security = security_of(&self.serving);
        Started { http, security, features, found, stays: self.stays, pinned }
    }

    /// Returns what is watched, as a sentence for a service manager.
    pub(super) fn status(&self) -> String {
        let (all, found) = (self.watch.links(), self.watch.found_links());
        let of_lab = format!("lab {} is up, {} links are watched", self.lab.name, all - found);
        match self.lab.source {
            Source::Host => format!("{all} links of this host are watched"),
            _ if self.finding.is_some() => format!("{of_lab}, and {found} other links of this host"),
            _ => of_lab,
        }
    }

    /// Starts the periodic work, and the lab's probes.
    pub(super) fn start_upkeep(&self) -> Upkeep {
        self.start_probes();
        Upkeep::start(Arc::clone(&self.watch))
    }

    /// Starts the lab's probes, if they are to run.
    pub(super) fn start_probes(&self) {
        let wanted: &[Probe] = if self.probes { &self.lab.probes } else { &[] };
        if let Err(error) = self.watch.probes().start(wanted) {
            warn!("the lab's probes do not run: {}", chain(&error));
        }
    }

    /// Stops services, detaches, and removes the lab unless it stays.
    pub(super) async fn end(self, progress: Arc<dyn Progress + Send + Sync>) -> Result<(), AgentError> {
        let Self { lab, claim, beside, watch, finding, lent, services, stays, .. } = self;
        progress.busy("stopping services");
        // Probes stop first: they would report the end of a service as a failure.
        watch.probes().stop().await;
        let (supervised, mut left) = services.end().await;
        let take_down = move || {
            progress.busy("detaching from interfaces");
            let stopped = finding.map_or(Ok(()), Finding::stop);
            let stopped = stopped.and(lent.map_or(Ok(()), Lent::stop));
            let mut left: Vec<String> = stopped.err().iter().map(|error| chain(error)).collect();
            left.extend(watch.release().iter().map(|error| chain(error)));
            drop(beside);
            if stays {
                if supervised {
                    let (directory, never) = (state::directory(&lab.name), AtomicBool::new(false));
                    let left_running = leave_running(&lab, &directory, &never);
                    left.extend(left_running.err().map(|error| chain(&error)));
                }
                progress.rest();
                let counting = if watch.pinned().is_some() { ", and its packets are counted" } else { "" };
                info!("lab {} stays{counting}; `netmon down` removes it", lab.name);
                return left;
            }
            // Pins are of no use without the lab.
            drop(watch);
            left.extend(control::remove(&claim, progress.as_ref()));
            if left.is_empty() {
                info!("{}", ended(&lab));
            }
            left
        };
        left.extend(spawn_blocking(take_down).await.map_err(AgentError::Panicked)?);
        if left.is_empty() { Ok(()) } else { Err(AgentError::LeftBehind(left)) }
    }
}

/// Returns whether the links of the host are watched beside those of a lab.
fn discovers_beside(lab: &Lab, config: &Config) -> bool {
    config.discover.is_some() && lab.source != Source::Host
}

/// Returns what to log when nothing is left.
fn ended(lab: &Lab) -> String {
    match lab.source {
        Source::Host => "the links of this host are no longer watched; nothing is left behind".to_owned(),
        _ => format!("lab {} was removed", lab.name),
    }
}

/// Returns the lab of a file with the services that run beside its own.
pub(super) fn with_further(mut lab: Lab, services: &[Service]) -> Lab {
    lab.services.extend(services.iter().cloned());
    lab
}

/// Records whether the lab ends with this agent, before the lab is built.
fn record(lab: &LabName, stays: bool) -> Result<(), OwnershipError> {
    if stays { temporary::make_permanent(lab) } else { temporary::make_temporary(lab) }
}

/// Returns whether `netmon up` built the lab: then it stays. A lab whose agent was killed does not.
fn was_left(lab: &LabName) -> bool {
    state::State::load(lab).is_some_and(|state| state.complete) && !temporary::is_temporary(lab)
}
