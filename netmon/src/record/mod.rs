//! Records an agent: its totals at an interval, each written as what happened since the one before.
//!
//! [`file`](create) makes the file, [`host`] describes the machine, [`lab`] finds the text of the lab file. The format and
//! everything that is decided from it are in `netmon_compare`. An agent that is restarted leaves a gap; one that does not
//! come back ends the recording, which is readable all the same.

mod file;
mod host;
mod lab;

use std::{
    fs::File,
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use netmon_compare::recording::{Agent, End, EndReason, FORMAT, Gap, Header, Totals, Writer};
use netmon_model::{error::chain, progress::Progress};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval};

pub use self::file::{CreateError, create};
use crate::api::client::{Client, ClientError};

/// The path of the agent's totals.
const TOTALS: &str = "/api/v1/totals";
/// An agent that does not answer for this long is not waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// How to record.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The time from one reading to the next.
    pub interval: Duration,
    /// How long to record. `None` until the agent ends or a signal arrives.
    pub duration: Option<Duration>,
    /// Whether the agent was found by its lab, so that its lab file is one of this host.
    pub is_on_this_host: bool,
}

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The number of windows.
    pub windows: u64,
    /// Why the recording ended.
    pub reason: EndReason,
}

/// Why nothing could be recorded, or not to the end.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The agent does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file could not be written to.
    #[error("cannot write the recording")]
    Write(#[source] io::Error),
}

/// Returns the first reading of an agent.
///
/// # Errors
///
/// Fails if the agent does not answer.
pub async fn first_reading(client: &Client) -> Result<Totals, ClientError> {
    client.get(TOTALS).await
}

/// Records to `file` from the first reading on, until the time has passed, the agent is gone, or `stop` resolves.
///
/// # Errors
///
/// Fails if the file cannot be written to. What was written until then is readable.
pub async fn record(
    client: &Client,
    first: Totals,
    file: File,
    options: Options,
    stop: impl Future<Output = ()>,
    progress: &dyn Progress,
) -> Result<Recorded, RecordError> {
    let mut recorder = Recorder::new(client, first, file, options).map_err(RecordError::Write)?;
    let reason = tokio::select! {
        reason = recorder.run(options, progress) => reason.map_err(RecordError::Write)?,
        () = stop => EndReason::Interrupted,
    };
    recorder.finish(reason).map_err(RecordError::Write)
}

/// A recording that is being made.
struct Recorder<'a> {
    client: &'a Client,
    writer: Writer<File>,
    last: Totals,
    /// Since when the agent has not answered, and whether that was written. `None` if it answers.
    silent_since: Option<Instant>,
}

impl<'a> Recorder<'a> {
    fn new(client: &'a Client, first: Totals, file: File, options: Options) -> io::Result<Self> {
        let writer = Writer::new(file, &header(client, &first, options))?;
        Ok(Self { client, writer, last: first, silent_since: None })
    }

    /// Records until there is a reason to end.
    async fn run(&mut self, options: Options, progress: &dyn Progress) -> io::Result<EndReason> {
        let mut ticks = interval(options.interval);
        // A late reading is followed by a whole interval: two close to each other would be a short window.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let begun = Instant::now();
        let intended = options.duration.map(|duration| windows(duration, options.interval));
        loop {
            ticks.tick().await;
            self.read().await?;
            if let Some(intended) = intended {
                let done = usize::try_from(self.writer.windows()).unwrap_or(usize::MAX);
                progress.at("windows", done.min(intended), intended);
            }
            if self.silent_since.is_some_and(|since| since.elapsed() > PATIENCE) {
                return Ok(EndReason::AgentGone);
            }
            if options.duration.is_some_and(|duration| begun.elapsed() >= duration) {
                return Ok(EndReason::Complete);
            }
        }
    }

    /// Makes one reading, and writes what happened since the last one.
    async fn read(&mut self) -> io::Result<()> {
        let totals: Totals = match self.client.get(TOTALS).await {
            Ok(totals) => totals,
            Err(error) => return self.fail(&error),
        };
        self.silent_since = None;
        match totals.since(&self.last) {
            Ok(window) => self.writer.window(window)?,
            Err(gap) => self.writer.gap(gap)?,
        }
        self.last = totals;
        Ok(())
    }

    /// Writes a gap for the first of several failures.
    fn fail(&mut self, error: &ClientError) -> io::Result<()> {
        if self.silent_since.is_none() {
            self.silent_since = Some(Instant::now());
            let text = chain(error);
            log::warn!("cannot read the agent: {text}; retrying");
            self.writer.gap(Gap::failed(now_unix_ms(), text))?;
        }
        Ok(())
    }

    fn finish(self, reason: EndReason) -> io::Result<Recorded> {
        let windows = self.writer.windows();
        let file = self.writer.finish(End { at_unix_ms: now_unix_ms(), windows, reason })?;
        file.sync_all()?;
        Ok(Recorded { windows, reason })
    }
}

/// Returns the first line of the recording.
fn header(client: &Client, first: &Totals, options: Options) -> Header {
    let lab = first.lab.as_ref().map(|lab| lab::recorded(lab, options.is_on_this_host));
    Header {
        format: FORMAT,
        netmon: env!("CARGO_PKG_VERSION").to_owned(),
        began_at_unix_ms: first.taken_at_unix_ms,
        interval_ms: u64::try_from(options.interval.as_millis()).unwrap_or(u64::MAX),
        agent: Agent::clone(&first.agent),
        lab,
        machine: client.address().is_local().then(host::machine),
    }
}

/// Returns how many windows a recording of this length has.
fn windows(duration: Duration, interval: Duration) -> usize {
    let windows = duration.as_millis().div_ceil(interval.as_millis().max(1));
    usize::try_from(windows).unwrap_or(usize::MAX)
}

fn now_unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
