//! Starts all services of a lab, keeps them, and ends them in reverse order.

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
    Plan, cgroup, detached_supervisor,
    error::StartError,
    http::HttpServer,
    keeper::Keeper,
    output::Tail,
    ready,
    record::{Record, services_dir},
    spawner::Spawner,
    status::{self, Board, ServiceState, ServiceStatus},
    stop::{Ending, StopError, stop_recorded},
};

/// How long the tasks of ended services may take to log the last output.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The running services of one lab.
///
/// Dropping it without [`Supervisor::stop`] asks the commands to end (SIGTERM) and does not wait; what is
/// left then is still recorded.
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
    /// Starts every service of a lab whose namespaces are up. `state_dir` is the lab's state folder, such as
    /// `/run/netmon/LAB`. What an earlier supervisor left behind there is ended first.
    ///
    /// # Errors
    ///
    /// The first service that cannot be started, or does not get ready in time; those before it have been ended
    /// again. Without a readiness check a command that starts and then fails is no error: it is reported and
    /// started again.
    pub async fn start(lab: &Lab, state_dir: &Path) -> Result<Self, StartError> {
        Self::start_plan(&lab.into(), state_dir).await
    }

    /// [`Supervisor::start`] for who has no whole lab at hand.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::start`].
    pub async fn start_plan(plan: &Plan, state_dir: &Path) -> Result<Self, StartError> {
        clear_earlier(plan, state_dir).await?;
        let state = |source| StartError::State { path: services_dir(state_dir), source };
        make_private_directory(&services_dir(state_dir)).map_err(state)?;
        let mut supervisor = Self {
            state_dir: state_dir.to_owned(),
            board: Arc::new(Board::new(&plan.services, state_dir)),
            stopping: watch::Sender::new(false),
            services: Vec::new(),
            tasks: JoinSet::new(),
            spawner: Spawner::start().map_err(state)?,
        };
        let cgroups = cgroup::hierarchy();
        for (index, service) in plan.services.iter().enumerate() {
            if let Err(error) = supervisor.start_one(plan, index, service, cgroups.as_deref()).await {
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
        plan: &Plan,
        index: usize,
        service: &Service,
        cgroups: Option<&Path>,
    ) -> Result<(), StartError> {
        let namespace = service.namespace.clone();
        let tail = Arc::new(Tail::default());
        match &service.kind {
            ServiceKind::Command(words) => {
                let record = Record::create(&self.state_dir, &plan.lab, index, service, cgroups)
                    .map_err(|source| StartError::State { path: services_dir(&self.state_dir), source })?;
                self.services.push(Running::Command(record.clone()));
                let (spawner, board) = (self.spawner.clone(), Arc::clone(&self.board));
                let (words, directory) = (words.clone(), plan.directory.clone());
                let stopping = self.stopping.subscribe();
                let tail = Arc::clone(&tail);
                let keeper =
                    Keeper { index, namespace, words, directory, record, spawner, board, stopping, tail };
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
            Some(ready) => self.until_ready(plan, (index, service), ready, &tail).await,
            None => Ok(()),
        }
    }

    async fn until_ready(
        &self,
        plan: &Plan,
        (index, service): (usize, &Service),
        ready: &Ready,
        tail: &Tail,
    ) -> Result<(), StartError> {
        let Err(why) = ready::wait(service, ready, plan.directory.as_deref()).await else {
            log::info!("service {} is ready", service.name);
            return Ok(());
        };
        let ended = self.board.all().into_iter().nth(index).and_then(|status| status.last_exit);
        let ended = ended.map(|how| format!("(it ended: {how})"));
        Err(StartError::NotReady {
            service: service.name.clone(),
            namespace: service.namespace.clone(),
            time: ready.timeout,
            why: format!("{}: {why}", ready.check),
            said: tail.lines().into_iter().chain(ended).collect(),
        })
    }

    /// What the services do now, in the lab file's order.
    #[must_use]
    pub fn status(&self) -> Vec<ServiceStatus> {
        self.board.all()
    }

    /// Ends all services, the last one first, within a second, and returns what could not be ended.
    pub async fn stop(mut self) -> Vec<StopError> {
        self.stopping.send_replace(true);
        self.spawner.close().await;
        let records: Vec<Record> = self.services.iter().filter_map(Running::record).cloned().collect();
        let mut ending = Ending::new(records.len());
        for service in self.services.iter().rev() {
            match service {
                Running::Http { index, server } => {
                    server.abort();
                    self.board.update(*index, |status| status.state = ServiceState::Stopped);
                }
                Running::Command(record) => {
                    let record = record.clone();
                    let asked = spawn_blocking(move || {
                        ending.ask(&record);
                        ending
                    });
                    match asked.await {
                        Ok(asked) => ending = asked,
                        Err(_) => return Vec::new(),
                    }
                }
            }
        }
        let failed = spawn_blocking(move || ending.finish(&records)).await.unwrap_or_default();
        let _ = timeout(LAST_WORDS, async { while self.tasks.join_next().await.is_some() {} }).await;
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

/// Makes sure that nobody else runs these services, and that nothing of an earlier run is left.
async fn clear_earlier(plan: &Plan, state_dir: &Path) -> Result<(), StartError> {
    if let Some(pid) = detached_supervisor(state_dir).filter(|&pid| pid != std::process::id()) {
        return Err(StartError::Supervised { pid });
    }
    let (lab, state_dir) = (plan.lab.clone(), state_dir.to_owned());
    let left = spawn_blocking(move || stop_recorded(&lab, &state_dir)).await.unwrap_or_default();
    left.into_iter().next().map_or(Ok(()), |error| Err(StartError::Leftover(error)))
}
