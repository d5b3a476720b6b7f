//! The agent: build the lab, watch it, serve what is seen, put everything back. No policy.
//!
//! The order matters. The address is taken first, so that a port that is in use changes nothing; programs are
//! attached when the interfaces exist and before they are up, so that nothing passes uncounted; services run
//! last. The way back is the same in reverse, and goes on after an error.

mod change;
mod error;
mod pause;
pub(crate) mod persist;
mod signals;

use std::{future, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc};

use log::{info, warn};
use netmon_kernel::{
    pins,
    sys::capabilities::{self, Capability},
};
use netmon_model::{
    error::chain,
    lab::{Lab, Probe},
    names::LabName,
    progress::Progress,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{block_in_place, spawn_blocking},
};

use self::signals::{HangUp, Meaning, Stop};
pub use self::{error::AgentError, persist::leave_counting};
use crate::{
    control::{Answer, Connection, Request, Server},
    datapath::Options,
    ownership::{Claim, OwnershipError, claim, state, temporary},
    server::{self, Limits},
    services::{Supervisor, detached_supervisor, is_supervised, spawn_detached, stop_recorded},
    topology,
    watch::{Watch, upkeep::Upkeep},
};

/// What the agent is asked to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve HTTP; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// How the datapath is set up.
    pub datapath: Options,
    /// Whether the lab stays when the agent ends.
    pub keep: bool,
    /// Whether counting goes on when the agent does not. It does in any case for a lab of which it did before.
    pub persist: bool,
    /// Whether the lab's probes run.
    pub probes: bool,
}

/// What the agent tells whoever started it, once everything runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// What the kernel lets us measure.
    pub features: netmon_model::snapshot::Features,
    /// Whether the lab stays when the agent ends.
    pub stays: bool,
    /// Where everything is pinned, so that counting goes on without the agent; nowhere when it does not.
    pub pinned: Option<PathBuf>,
}

/// Runs `lab` until SIGINT or SIGTERM. `started` is called once everything runs; `progress` is told how far
/// the building has come.
///
/// # Errors
///
/// What stood in the way, after everything that was done is undone; or what is left behind at the end.
pub async fn run(
    lab: Lab,
    config: Config,
    progress: impl Progress + Send + Sync + 'static,
    started: impl FnOnce(&Lab, &Started),
) -> Result<(), AgentError> {
    run_until(lab, config, progress, started, future::pending()).await
}

/// The same, until `done` or a signal.
///
/// # Errors
///
/// As [`run`].
pub async fn run_until(
    lab: Lab,
    config: Config,
    progress: impl Progress + Send + Sync + 'static,
    started: impl FnOnce(&Lab, &Started),
    done: impl Future<Output = ()>,
) -> Result<(), AgentError> {
    let mut stop = Stop::listen().map_err(AgentError::Signals)?;
    capabilities::require(&[Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf], "netmon run")?;
    // The claim decides; but whoever has the lab has the address as well, and this is the better reason.
    if let Some(holder) = claim::holder(&lab.name) {
        return Err(OwnershipError::Held { lab: lab.name, holder }.into());
    }
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| AgentError::Listen { address: config.listen, source })?;
    let progress: Arc<dyn Progress + Send + Sync> = Arc::new(progress);
    let mut built = build(lab, config, Arc::clone(&progress)).await?;
    progress.busy("starting services");
    let started = |lab: &Lab, about: &Started| {
        progress.rest();
        started(lab, about);
    };
    match watch_over(&mut built, listener, &mut stop, started, done).await {
        Ok(services) => {
            let asked = built.asked.take();
            let outcome = built.end(services, Arc::clone(&progress)).await;
            if let Some(question) = asked {
                let errors = outcome.as_ref().err().map(ToString::to_string).into_iter().collect();
                question.answer(&Answer { errors, refused: None }).await;
            }
            outcome
        }
        Err((error, services)) => {
            // What stood in the way is the error to tell; what is left behind is logged.
            if let Err(left) = built.end(services, progress).await {
                warn!("{left}");
            }
            Err(error)
        }
    }
}

/// A lab that is built and watched.
struct Built {
    lab: Lab,
    claim: Claim,
    watch: Arc<Watch>,
    /// Whether the lab stays when the agent ends.
    stays: bool,
    /// Whether the lab's probes run.
    probes: bool,
    /// Who asked for the end, and waits for it; none when it was a signal.
    asked: Option<Connection>,
}

async fn build(
    lab: Lab,
    config: Config,
    progress: Arc<dyn Progress + Send + Sync>,
) -> Result<Built, AgentError> {
    let work = move || {
        let claim = Claim::take(&lab.name)?;
        let stays = config.keep || is_kept(&lab.name);
        note(&lab.name, stays)?;
        let built = watch(&lab, &claim, &config, progress.as_ref());
        if built.is_err() && !stays {
            // Nothing is left of the lab; nor should this be.
            temporary::make_permanent(&lab.name)?;
        }
        let probes = config.probes;
        Ok(Built { watch: Arc::new(built?), lab, claim, stays, probes, asked: None })
    };
    spawn_blocking(work).await.map_err(AgentError::Panicked)?
}

/// Builds the lab, with programs on its hooks before its interfaces are up.
fn watch(lab: &Lab, claim: &Claim, config: &Config, progress: &dyn Progress) -> Result<Watch, AgentError> {
    let meter = persist::build(lab, claim, &config.datapath, config.persist, progress)?;
    Ok(Watch::start(lab, meter)?)
}

/// Notes whether the lab goes with this agent, before anything of it is made.
fn note(lab: &LabName, stays: bool) -> Result<(), OwnershipError> {
    if stays { temporary::make_permanent(lab) } else { temporary::make_temporary(lab) }
}

/// Whether `netmon up` made the lab: then it is adopted, and stays. One that an agent was killed over does not.
fn is_kept(lab: &LabName) -> bool {
    state::State::load(lab).is_some_and(|state| state.complete) && !temporary::is_temporary(lab)
}

/// Serves until a signal comes. Gives back the services, which whoever ends the lab stops.
async fn watch_over(
    built: &mut Built,
    listener: TcpListener,
    stop: &mut Stop,
    started: impl FnOnce(&Lab, &Started),
    done: impl Future<Output = ()>,
) -> Result<Option<Supervisor>, (AgentError, Option<Supervisor>)> {
    let Some(begun) = unless_stopped(start_services(&built.lab), stop).await else { return Ok(None) };
    let mut services = begun.map_err(|error| (error, None))?;
    let mut hang_up = match HangUp::listen() {
        Ok(hang_up) => hang_up,
        Err(error) => return Err((AgentError::Signals(error), services)),
    };
    let (http, mut handover) =
        match listener.local_addr().and_then(|http| Ok((http, Server::listen(&built.lab.name)?))) {
            Ok(both) => both,
            Err(error) => return Err((AgentError::Serve(error), services)),
        };
    if let Err(error) = built.claim.announce(Some(http)) {
        return Err((error.into(), services));
    }
    let (end, mut ended) = watch::channel(false);
    let shutdown = async move {
        // The sender is dropped at the latest when the agent ends, which is an end as well.
        let _ = ended.wait_for(|end| *end).await;
    };
    let source = Arc::clone(&built.watch);
    let mut server = server::serve(listener, source, Limits::default(), shutdown);
    let upkeep = built.look_after();
    started(&built.lab, &built.started(http));
    let mut done = pin!(done);
    let served = loop {
        tokio::select! {
            () = stop.wait() => break Ok(()),
            () = &mut done => break Ok(()),
            meaning = hang_up.wait() => match meaning {
                Meaning::Reload => change::to_own_file(built, &mut services).await,
                Meaning::TerminalGone => break Ok(()),
            },
            question = handover.next() => {
                if heed(question, built, &mut services).await == Heeded::End {
                    break Ok(());
                }
            }
            _ = &mut server => {
                break Err(AgentError::Serve(std::io::Error::other("the server ended by itself")));
            }
        }
    };
    end.send_replace(true);
    upkeep.stop();
    if served.is_ok() {
        let _ = server.await;
    }
    match served {
        Ok(()) => Ok(services),
        Err(error) => Err((error, services)),
    }
}

/// Whether the agent goes on after a question.
#[derive(PartialEq, Eq)]
enum Heeded {
    GoOn,
    End,
}

/// Does what somebody asks for. Who asks for the end is answered when it has come.
async fn heed(question: Connection, built: &mut Built, services: &mut Option<Supervisor>) -> Heeded {
    match question.request.clone() {
        Request::Down => {
            built.stays = false;
            built.asked = Some(question);
            return Heeded::End;
        }
        Request::Change(file) => {
            let answer = change::to_file(built, services, file.as_deref()).await;
            question.answer(&answer).await;
        }
        Request::Impair { link, sides, change } => {
            let answer = change::impairment(built, &link, &sides, change);
            question.answer(&answer).await;
        }
        Request::Hooks(link) => {
            drop(tokio::spawn(pause::compare(question, link, Arc::clone(&built.watch))));
        }
    }
    Heeded::GoOn
}

/// Starts the lab's services, unless a supervisor that `netmon up` left is at it. One that is at others is ended.
async fn start_services(lab: &Lab) -> Result<Option<Supervisor>, AgentError> {
    let folder = state::directory(&lab.name);
    if is_supervised(lab, &folder) {
        return Ok(None);
    }
    if detached_supervisor(&folder).is_some() {
        for error in block_in_place(|| stop_recorded(&lab.name, &folder)) {
            warn!("{}", chain(&error));
        }
    }
    Ok(Some(Supervisor::start(lab, &folder).await?))
}

/// What comes of `work`, unless a signal comes first: a service may be waited for, and whoever sees that it is in vain
/// need not wait.
async fn unless_stopped<T>(work: impl Future<Output = T>, stop: &mut Stop) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop.wait() => None,
    }
}

/// Leaves the services of a lab that stays with a supervisor of their own.
fn leave_services(lab: &Lab) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| format!("netmon's own program: {error}"))?;
    spawn_detached(&program, lab, &state::directory(&lab.name)).map(drop).map_err(|error| chain(&error))
}

impl Built {
    /// What whoever started the agent is told.
    fn started(&self, http: SocketAddr) -> Started {
        let (features, pinned) = (self.watch.features(), self.watch.pinned());
        Started { http, features, stays: self.stays, pinned }
    }

    /// Starts what goes on while the lab is watched.
    fn look_after(&self) -> Upkeep {
        self.start_probes();
        Upkeep::start(Arc::clone(&self.watch))
    }

    /// Starts the probes that are wanted, or those of a lab that was changed.
    fn start_probes(&self) {
        let wanted: &[Probe] = if self.probes { &self.lab.probes } else { &[] };
        if let Err(error) = self.watch.probes().start(wanted) {
            warn!("the lab's probes do not run: {}", chain(&error));
        }
    }

    /// Takes everything back, and says what could not be.
    async fn end(
        self,
        services: Option<Supervisor>,
        progress: Arc<dyn Progress + Send + Sync>,
    ) -> Result<(), AgentError> {
        progress.busy("stopping services");
        let mut left = Vec::new();
        // Before the services, whose end is no failure.
        self.watch.probes().stop().await;
        let supervised = services.is_some();
        if let Some(services) = services {
            left.extend(services.stop().await.iter().map(ToString::to_string));
        }
        let Self { lab, claim, watch, stays, .. } = self;
        let take_down = move || {
            progress.busy("detaching from interfaces");
            let mut left: Vec<String> = watch.release().iter().map(|error| chain(error)).collect();
            if stays {
                if supervised {
                    left.extend(leave_services(&lab).err());
                }
                progress.rest();
                let counting = if watch.pinned().is_some() { ", and counting goes on" } else { "" };
                info!("lab {} stays{counting}; `netmon down` removes it", lab.name);
                return left;
            }
            // The pins are worth nothing without it.
            drop(watch);
            let stop_services = |lab: &LabName, folder: &std::path::Path| {
                stop_recorded(lab, folder).into_iter().map(Into::into).collect()
            };
            let report = topology::down(&claim, stop_services, progress.as_ref());
            progress.rest();
            for warning in &report.warnings {
                warn!("{warning}");
            }
            left.extend(report.errors);
            left.extend(pins::remove_all_of(&lab.name).iter().map(|error| chain(error)));
            info!("everything is put back");
            left
        };
        left.extend(spawn_blocking(take_down).await.map_err(AgentError::Panicked)?);
        if left.is_empty() { Ok(()) } else { Err(AgentError::LeftBehind(left)) }
    }
}
