//! The agent: builds a lab, watches it, serves what it sees, and removes everything again. No policy.
//!
//! The order matters. The address is bound first, so that a port that is in use changes nothing. Programs are attached
//! when the interfaces exist and before they are up, so that every packet is counted. Services start last. The end takes
//! the reverse order, and continues after an error.

mod change;
mod error;
mod finding;
mod lent;
mod pause;
pub(crate) mod persist;
mod running;
mod service_manager;
mod services;
mod signals;
mod source;

use std::{
    future,
    ops::ControlFlow,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use log::warn;
use netmon_kernel::sys::{
    capabilities::{self, Capability},
    inherited::listening_sockets,
};
use netmon_model::{
    lab::{Lab, Service},
    names::LabName,
    progress::Progress,
    server_address::{Security, ServerAddress},
};
use tokio::sync::watch;

pub use self::{error::AgentError, persist::leave_counting, signals::Stop};
use self::{
    running::Running,
    service_manager::ServiceManager,
    services::Services,
    signals::{HangUp, Meaning},
    source::Source,
};
use crate::{
    control::{Connection, Refusal, Request, Server},
    datapath::Options,
    discover::Selection,
    ownership::{OwnershipError, claim, state},
    server::{self, Listeners},
    services::{lacking_capabilities, required_capabilities},
    topology,
};

/// How the agent runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve HTTP, beside the sockets that a service manager opened; port 0 takes any that is free. The first is the
    /// address that clients are told. Without any, [`server::DEFAULT_ADDRESS`].
    pub listen: Vec<ServerAddress>,
    /// How it is served.
    pub serving: server::Options,
    /// How the datapath is set up.
    pub datapath: Options,
    /// Whether the lab stays when the agent ends.
    pub keep: bool,
    /// Whether counting continues when the agent ends. It does in any case for a lab whose maps are pinned already.
    pub persist: bool,
    /// Which links of the host are watched, beside those of the lab. `None` to find none.
    pub discover: Option<Selection>,
    /// Whether the lab's probes run.
    pub probes: bool,
    /// Services that run beside those of the lab file, also after a reload.
    pub further_services: Vec<Service>,
}

/// What [`run`] reports once everything runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where HTTP is served.
    pub http: Vec<ServerAddress>,
    /// What protects its clients over TCP.
    pub security: Security,
    /// What can be measured on this kernel.
    pub features: netmon_model::snapshot::Features,
    /// How many links of the host are watched. `None` if only those of the lab are.
    pub found: Option<usize>,
    /// Whether the lab stays when the agent ends.
    pub stays: bool,
    /// Where everything is pinned, so that counting continues without the agent; `None` if it does not.
    pub pinned: Option<PathBuf>,
}

/// Runs `lab` until SIGINT or SIGTERM. Calls `started` once everything runs, and reports the progress of building to
/// `progress`.
///
/// # Errors
///
/// Fails if the lab cannot be built, watched or served, after it was removed again; or if something is left behind at the
/// end.
pub async fn run(
    lab: Lab,
    config: Config,
    progress: impl Progress + Send + Sync + 'static,
    started: impl FnOnce(&Lab, &Started),
) -> Result<(), AgentError> {
    run_until(lab, config, progress, started, future::pending()).await
}

/// Runs `lab` until `done`, SIGINT or SIGTERM.
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
    let mut hang_up = HangUp::listen().map_err(AgentError::Signals)?;
    capabilities::require(&[Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf], "netmon run")?;
    if config.discover.is_some() {
        capabilities::require(&[Capability::NetBroadcast], "netmon run --discover")?;
    } else if !lab.containers.is_empty() {
        capabilities::require(&[Capability::NetBroadcast], "a lab that leads into containers")?;
    }
    capabilities::require_writable(topology::written_directories(&lab), "netmon run")?;
    capabilities::require(&required_capabilities(&lab), &format!("a service of lab {}", lab.name))?;
    lacking_capabilities(&lab.services)?;
    // `Claim::take` is authoritative. Check first, so that a held lab is reported as held and not as "address in use".
    let discovers = config.discover.as_ref().map(|_| LabName::discover());
    for name in discovers.into_iter().chain([lab.name.clone()]) {
        if let Some(holder) = claim::holder(&name) {
            return Err(OwnershipError::Held { lab: name, holder }.into());
        }
    }
    let listeners = listen(&config.listen)?;
    warn_of_exposure(listeners.addresses(), security_of(&config.serving));
    let progress: Arc<dyn Progress + Send + Sync> = Arc::new(progress);
    let mut running = Running::build(lab, config, Arc::clone(&progress)).await?;
    warn_of_hidden_names(&running.lab);
    progress.busy("starting services");
    let started = |lab: &Lab, about: &Started| {
        progress.rest();
        started(lab, about);
    };
    let served = serve(&mut running, listeners, (&mut stop, &mut hang_up), started, done).await;
    let waiting = running.waiting.take();
    let ended = running.end(Arc::clone(&progress)).await;
    if let Err(error) = served {
        // The first error is the one to return; what is left behind is logged.
        if let Err(left) = ended {
            warn!("{left}");
        }
        return Err(error);
    }
    if let Some(connection) = waiting {
        let left = ended.as_ref().err().map(AgentError::messages).unwrap_or_default();
        connection.finish(&Refusal::unless_empty(left)).await;
    }
    ended
}

/// Opens what the agent serves on: the addresses, and the sockets that a service manager opened. Without either, the default
/// address.
fn listen(addresses: &[ServerAddress]) -> Result<Listeners, AgentError> {
    let open = listening_sockets();
    let default = [server::DEFAULT_ADDRESS.into()];
    let addresses = if addresses.is_empty() && open.is_empty() { &default } else { addresses };
    let mut listeners = Listeners::bind(addresses)?;
    listeners.add_open(open).map_err(AgentError::Serve)?;
    Ok(listeners)
}

/// Warns of addresses at which other machines may read what is served.
fn warn_of_exposure(addresses: &[ServerAddress], security: Security) {
    let consequence = match security {
        Security { authenticated: true, encrypted: true } => return,
        Security { authenticated: true, encrypted: false } => {
            "passwords, and what netmon serves, are sent over the network without encryption"
        }
        Security { authenticated: false, encrypted: true } => {
            "every client that reaches this address can read what netmon serves, addresses of connections included: there \
             is no authentication"
        }
        Security { authenticated: false, encrypted: false } => {
            "every client that reaches this address can read what netmon serves, addresses of connections included: there \
             is no authentication and no encryption"
        }
    };
    for address in addresses.iter().filter(|address| !address.is_local()) {
        warn!("{address}: {consequence}");
    }
}

/// Warns if other programs do not see the names of the lab's namespaces, which users would take for a fault of the lab.
fn warn_of_hidden_names(lab: &Lab) {
    if let Some(name) = topology::hidden_name(lab) {
        warn!(
            "this process has mounts of its own, and the names of the lab's namespaces show in them only: `ip netns exec {name}` fails \
             elsewhere. A unit of systemd must not set PrivateTmp=, ProtectSystem= or their like (docs/SYSTEMD.md)"
        );
    }
}

/// Returns what protects clients over TCP.
fn security_of(serving: &server::Options) -> Security {
    let of = |secure: &Arc<dyn server::Secure>| Security {
        encrypted: secure.is_encrypted(),
        authenticated: secure.is_authenticated(),
    };
    serving.security.as_ref().map(of).unwrap_or_default()
}

/// Starts the services, then serves HTTP and control requests until a signal, `done` or a [`Request::Down`].
async fn serve(
    running: &mut Running,
    mut listeners: Listeners,
    (stop, hang_up): (&mut Stop, &mut HangUp),
    started: impl FnOnce(&Lab, &Started),
    done: impl Future<Output = ()>,
) -> Result<(), AgentError> {
    // Starting services may take long. A signal ends the wait.
    tokio::select! {
        services = Services::start_or_adopt(&running.lab) => running.services = services?,
        () = stop.wait() => return Ok(()),
    }
    let state_dir = state::directory(&running.lab.name);
    let mut control = Server::listen(&running.lab.name).map_err(AgentError::Serve)?;
    let http = announce(running, &mut listeners, &state_dir)?;
    let (end, mut ended) = watch::channel(false);
    let shutdown = async move {
        // The sender is dropped at the latest when the agent ends, which is an end as well.
        let _ = ended.wait_for(|end| *end).await;
    };
    let source = Arc::new(Source { watch: Arc::clone(&running.watch), state_dir });
    let mut server = server::serve(listeners, source, running.serving.clone(), shutdown);
    let upkeep = running.start_upkeep();
    started(&running.lab, &running.started(http));
    let mut manager = ServiceManager::from_environment();
    let status = running.status();
    manager.ready(&status);
    let mut done = pin!(done);
    let served = loop {
        tokio::select! {
            () = stop.wait() => break Ok(()),
            () = &mut done => break Ok(()),
            () = manager.watchdog() => {}
            meaning = hang_up.wait() => match meaning {
                Meaning::Reload => {
                    manager.reloading();
                    running.reload().await;
                    manager.ready(&status);
                }
                Meaning::TerminalGone => break Ok(()),
            },
            connection = control.next() => {
                if handle(connection, running).await.is_break() {
                    break Ok(());
                }
            }
            _ = &mut server => {
                break Err(AgentError::Serve(std::io::Error::other("the server ended by itself")));
            }
        }
    };
    manager.stopping();
    end.send_replace(true);
    upkeep.stop();
    if served.is_ok() {
        let _ = server.await;
    }
    served
}

/// Records where the agent is reached, for netmon's own commands. They have no certificate and no password: if those are asked for,
/// there is a unix socket for them. Returns all addresses.
fn announce(
    running: &mut Running,
    listeners: &mut Listeners,
    state_dir: &Path,
) -> Result<Vec<ServerAddress>, AgentError> {
    if running.serving.security.is_some() {
        listeners.add_first(&state_dir.join("http.sock")).map_err(AgentError::Serve)?;
    }
    let http = listeners.addresses().to_vec();
    running.announce(http.first())?;
    Ok(http)
}

/// Handles one control request. Breaks on [`Request::Down`], which is answered only after shutdown has finished.
async fn handle(connection: Connection, running: &mut Running) -> ControlFlow<()> {
    match connection.request.clone() {
        Request::Down => {
            running.stays = false;
            running.waiting = Some(connection);
            return ControlFlow::Break(());
        }
        Request::Change(file) => {
            let reply = running.change_to(file.as_deref()).await;
            connection.finish(&reply).await;
        }
        Request::Impair { link, sides, change } => {
            let reply = running.impair(&link, &sides, change);
            connection.finish(&reply).await;
        }
        Request::Trace(trace) => {
            running.watch.traces().add(*trace);
            connection.finish(&Ok(())).await;
        }
        Request::Hooks(link) => {
            drop(tokio::spawn(pause::compare(connection, link, Arc::clone(&running.watch))));
        }
    }
    ControlFlow::Continue(())
}
