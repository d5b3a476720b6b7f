//! Keeps one command running: starts it, logs its output, reports its exit and restarts it.

use std::{
    path::PathBuf,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_model::{lab::Execution, names::NsName};
use tokio::{process::Child, sync::watch, task::JoinHandle};

use super::{
    backoff::Backoff,
    command::{Prepared, prepare},
    error::{CommandProblem, StartError, last_output},
    output::{Tail, log_lines},
    record::Record,
    spawner::Spawner,
    status::{Board, ServiceState},
    stop::clear_leftovers,
};

/// How long the last output of a process that has exited may take to arrive.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// One command of a lab, and what is needed to run it.
pub(crate) struct Keeper {
    pub(crate) index: usize,
    pub(crate) namespace: NsName,
    pub(crate) words: Vec<String>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) execution: Execution,
    pub(crate) record: Record,
    pub(crate) spawner: Spawner,
    pub(crate) board: Arc<Board>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// Its last lines of output.
    pub(crate) tail: Arc<Tail>,
}

/// A running process, with the tasks that log its output.
pub(crate) struct Run {
    child: Child,
    started: Instant,
    loggers: Vec<JoinHandle<()>>,
}

impl Keeper {
    fn name(&self) -> &str {
        &self.record.service
    }

    /// Starts the command once.
    pub(crate) async fn start(&self) -> Result<Run, StartError> {
        self.spawn().await.map_err(|problem| StartError::Command {
            service: self.name().to_owned(),
            program: self.words.first().cloned().unwrap_or_default(),
            namespace: self.namespace.clone(),
            problem,
        })
    }

    async fn spawn(&self) -> Result<Run, CommandProblem> {
        let (command, failure) = prepare(
            &self.namespace,
            &self.words,
            (self.directory.as_deref(), &self.execution),
            &self.record,
        )?
        .into_parts();
        let spawned = self.spawner.spawn(command).await;
        let mut child = spawned.map_err(|source| Prepared::problem(failure, source))?;
        self.tail.clear();
        let mut loggers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            loggers.push(self.logger(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            loggers.push(self.logger(stderr));
        }
        self.board.update(self.index, |status| status.state = ServiceState::running(child.id()));
        Ok(Run { child, started: Instant::now(), loggers })
    }

    fn logger<S>(&self, stream: S) -> JoinHandle<()>
    where
        S: tokio::io::AsyncRead + Unpin + Send + 'static,
    {
        let (name, tail) = (self.name().to_owned(), Arc::clone(&self.tail));
        tokio::spawn(async move { log_lines(stream, &name, &tail).await })
    }

    /// Restarts the command whenever it exits, until the supervisor stops.
    pub(crate) async fn keep(mut self, mut run: Run) {
        let mut backoff = Backoff::new();
        loop {
            let exit = self.watch(run).await;
            if self.is_stopping() {
                self.board.update(self.index, |status| status.state = ServiceState::Stopped);
                return;
            }
            let Some(next) = self.restart(&mut backoff, exit).await else { return };
            run = next;
        }
    }

    /// Waits for the process to exit and reports how. Returns how long it ran.
    async fn watch(&mut self, mut run: Run) -> Duration {
        let status = run.child.wait().await;
        let ran = run.started.elapsed();
        let status = status.as_ref().map_or_else(ToString::to_string, describe);
        let is_stopping = self.is_stopping();
        // While the lab stops, the supervisor stops what is left, in its own order and time.
        let left = if is_stopping { 0 } else { self.clear().await };
        for logger in run.loggers {
            let abort = logger.abort_handle();
            if tokio::time::timeout(LAST_OUTPUT, logger).await.is_err() {
                abort.abort();
            }
        }
        self.board.update(self.index, |line| {
            line.last_exit = Some(status.clone());
            line.state = ServiceState::Waiting;
        });
        if is_stopping {
            log::debug!("service {} exited: {status}", self.name());
        } else {
            self.report(&status, ran, left, &self.tail.lines());
        }
        ran
    }

    fn report(&self, status: &str, ran: Duration, left: usize, last_lines: &[String]) {
        let name = self.name();
        let last_lines = last_output(last_lines);
        log::error!("service {name} exited after {:.1} s: {status}{last_lines}", ran.as_secs_f64());
        if left > 0 {
            log::warn!(
                "service {name} left {left} processes behind, which were stopped; a service must stay in the \
                 foreground (nginx: -g \"daemon off;\")"
            );
        }
    }

    /// Stops the processes that the command left: they would hold its address, and the next start would fail.
    async fn clear(&self) -> usize {
        let record = self.record.clone();
        match tokio::task::spawn_blocking(move || clear_leftovers(&record)).await {
            Ok(Ok(left)) => left,
            Ok(Err(error)) => {
                log::warn!("{error}");
                0
            }
            Err(_) => 0,
        }
    }

    /// Restarts the command after a pause, as often as necessary. Returns `None` if the supervisor stops.
    async fn restart(&mut self, backoff: &mut Backoff, mut ran: Duration) -> Option<Run> {
        loop {
            let wait = backoff.after(ran);
            log::info!("service {} restarts in {:.1} s", self.name(), wait.as_secs_f64());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stopping.wait_for(|&stopping| stopping) => {}
            }
            if self.is_stopping() {
                self.board.update(self.index, |status| status.state = ServiceState::Stopped);
                return None;
            }
            self.board.update(self.index, |status| status.restarts += 1);
            match self.start().await {
                Ok(run) => return Some(run),
                Err(error) if !self.is_stopping() => log::error!("{error}"),
                Err(_) => {}
            }
            ran = Duration::ZERO;
        }
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// Describes an exit without Rust's own formatting: `exit status 1`, `signal 9 (SIGKILL)`.
fn describe(status: &ExitStatus) -> String {
    status.to_string().replacen("exit status: ", "exit status ", 1).replacen("signal: ", "signal ", 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn an_exit_is_described_in_plain_words() {
        assert_eq!(describe(&ExitStatus::from_raw(0x0100)), "exit status 1");
        assert_eq!(describe(&ExitStatus::from_raw(9)), "signal 9 (SIGKILL)");
    }
}
