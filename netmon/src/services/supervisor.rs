//! Starts all services of a lab, keeps them running, and stops them in reverse order.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use netmon_kernel::owned_files::make_private_directory;
use netmon_model::lab::{Lab, Ready, Service, ServiceKind};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    ServiceSet, cgroup, detached_supervisor,
    error::StartError,
    http::HttpServer,
    keeper::Keeper,
    output::Tail,
    ready,
    record::{Record, services_dir},
    spawner::Spawner,
    status::{self, Board, ServiceState, ServiceStatus},
    stop::{Shutdown, StopError, stop_recorded},
};

/// How long the tasks of stopped services may take to log the last output.
const LAST_OUTPUT: Duration = Duration::from_millis(300);

/// The running services of one lab.
///
/// Dropping it without [`Supervisor::stop`] sends SIGTERM to the commands and does not wait. Those that are left are still
/// recorded.
#[derive(Debug)]
pub struct Supervisor {
    state_dir: PathBuf,
    board: Arc<Board>,
    stopping: watch::Sender<bool>,
    services: Vec<Running>,
    tasks: JoinSet<()>,
    spawner: Spawner,
}

#[derive(Debug)]
enum Running {
    Command(Record),
    Http { index: usize, server: AbortHandle },
}

impl Supervisor {
    /// Starts every service of a lab whose namespaces exist. `state_dir` is the lab's state directory, such as
    /// `/run/netmon/LAB`. Services of an earlier supervisor are stopped first.
    ///
    /// # Errors
    ///
    /// Fails for the first service that cannot be started or does not become ready in time. The services before it have
    /// been stopped then. A command without a readiness check that starts and then fails is no error: this is logged, and
    /// it is restarted.
    pub async fn start(lab: &Lab, state_dir: &Path) -> Result<Self, StartError> {
        Self::start_set(&lab.into(), state_dir).await
    }

    /// [`Supervisor::start`] for a caller without a complete lab.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start`].
    pub async fn start_set(set: &ServiceSet, state_dir: &Path) -> Result<Self, StartError> {
        clear_earlier(set, state_dir).await?;
        let state = |source| StartError::State { path: services_dir(state_dir), source };
        make_private_directory(&services_dir(state_dir)).map_err(state)?;
        let mut supervisor = Self {
            state_dir: state_dir.to_owned(),
            board: Arc::new(Board::new(&set.services, state_dir)),
            stopping: watch::Sender::new(false),
            services: Vec::new(),
            tasks: JoinSet::new(),
            spawner: Spawner::start().map_err(state)?,
        };
        let cgroups = cgroup::hierarchy();
        for (index, service) in set.services.iter().enumerate() {
            if let Err(error) = supervisor.start_one(set, index, service, cgroups.as_deref()).await {
                for left in supervisor.stop().await {
                    log::warn!("{left}");
                }
                return Err(error);
            }
        }
        Ok(supervisor)
    }

    async fn start_one(
        &mut self,
        set: &ServiceSet,
        index: usize,
        service: &Service,
        cgroups: Option<&Path>,
    ) -> Result<(), StartError> {
        let namespace = service.namespace.clone();
        let tail = Arc::new(Tail::default());
        match &service.kind {
            ServiceKind::Command(words) => {
                let record = Record::create(&self.state_dir, &set.lab, index, service, cgroups)
                    .map_err(|source| StartError::State { path: services_dir(&self.state_dir), source })?;
                self.services.push(Running::Command(record.clone()));
                let (spawner, board) = (self.spawner.clone(), Arc::clone(&self.board));
                let (words, directory) = (words.clone(), set.directory.clone());
                let (stopping, tail) = (self.stopping.subscribe(), Arc::clone(&tail));
                let execution = service.execution.clone();
                let keeper = Keeper {
                    index,
                    namespace,
                    words,
                    directory,
                    execution,
                    record,
                    spawner,
                    board,
                    stopping,
                    tail,
                };
                let run = keeper.start().await?;
                self.tasks.spawn(keeper.keep(run));
            }
            ServiceKind::Http(address) => {
                let server = HttpServer::bind(&service.name, &namespace, *address).await?;
                let server = self.tasks.spawn(server.serve());
                self.services.push(Running::Http { index, server });
                self.board.update(index, |status| status.state = ServiceState::running(None));
            }
        }
        log::info!("service {} runs in {}", service.name, service.namespace);
        match &service.ready {
            Some(ready) => self.until_ready(set, (index, service), ready, &tail).await,
            None => Ok(()),
        }
    }

    async fn until_ready(
        &self,
        set: &ServiceSet,
        (index, service): (usize, &Service),
        ready: &Ready,
        tail: &Tail,
    ) -> Result<(), StartError> {
        let Err(error) = ready::wait(service, ready, set.directory.as_deref()).await else {
            log::info!("service {} is ready", service.name);
            return Ok(());
        };
        let exit = self.board.all().into_iter().nth(index).and_then(|status| status.last_exit);
        let exit = exit.map(|how| format!("(it exited: {how})"));
        Err(StartError::NotReady {
            service: service.name.clone(),
            namespace: service.namespace.clone(),
            time: ready.timeout,
            error: format!("{}: {error}", ready.check),
            output: tail.lines().into_iter().chain(exit).collect(),
        })
    }

    /// Returns the state of the services, in the order of the lab file.
    #[must_use]
    pub fn status(&self) -> Vec<ServiceStatus> {
        self.board.all()
    }

    /// Stops all services within about a second, the last one first. Returns what could not be stopped.
    pub async fn stop(mut self) -> Vec<StopError> {
        self.stopping.send_replace(true);
        self.spawner.close().await;
        let records: Vec<Record> = self.services.iter().filter_map(Running::record).cloned().collect();
        let mut shutdown = Shutdown::new(records.len());
        for service in self.services.iter().rev() {
            match service {
                Running::Http { index, server } => {
                    server.abort();
                    self.board.update(*index, |status| status.state = ServiceState::Stopped);
                }
                Running::Command(record) => {
                    let record = record.clone();
                    let terminated = spawn_blocking(move || {
                        shutdown.terminate(&record);
                        shutdown
                    });
                    match terminated.await {
                        Ok(same) => shutdown = same,
                        Err(_) => return Vec::new(),
                    }
                }
            }
        }
        let failed = spawn_blocking(move || shutdown.finish(&records)).await.unwrap_or_default();
        let _ = timeout(LAST_OUTPUT, async { while self.tasks.join_next().await.is_some() {} }).await;
        status::remove(&self.state_dir);
        failed
    }
}

impl Running {
    fn record(&self) -> Option<&Record> {
        match self {
            Self::Command(record) => Some(record),
            Self::Http { .. } => None,
        }
    }
}

/// Makes sure that no other supervisor runs these services, and stops what an earlier run left.
async fn clear_earlier(set: &ServiceSet, state_dir: &Path) -> Result<(), StartError> {
    if let Some(pid) = detached_supervisor(state_dir).filter(|&pid| pid != std::process::id()) {
        return Err(StartError::Supervised { pid });
    }
    let (lab, state_dir) = (set.lab.clone(), state_dir.to_owned());
    let left = spawn_blocking(move || stop_recorded(&lab, &state_dir)).await.unwrap_or_default();
    left.into_iter().next().map_or(Ok(()), |error| Err(StartError::Leftover(error)))
}
