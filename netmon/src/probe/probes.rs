//! A lab's probes: each makes attempts at its interval, and counts their outcomes.
//!
//! An attempt times out before the next one is due, so that attempts do not pile up. If the machine is too slow for
//! that, attempts are skipped and not made up for.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use log::{info, warn};
use netmon_kernel::netns::Opener;
use netmon_model::{lab::Probe, names::NsName, snapshot::ProbeSnapshot};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{
    ProbeNamespace, Prober,
    stats::{ProbeStats, Transition},
};

/// The first attempts of a lab's probes are spread over at most this long, so that they do not all coincide.
const SPREAD: Duration = Duration::from_secs(1);

/// The probes of a lab.
#[derive(Default)]
pub struct Probes(Mutex<Vec<Running>>);

/// A probe that was started.
struct Running {
    probe: Probe,
    stats: Arc<Mutex<ProbeStats>>,
    /// `None` after [`Probes::stop`].
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Returns whether the counts of this probe continue as those of `probe`: their interval and timeout may differ.
    fn is_same(&self, probe: &Probe) -> bool {
        let Probe { from, target, traffic, status, .. } = &self.probe;
        (from, target, traffic, status) == (&probe.from, &probe.target, &probe.traffic, &probe.status)
    }
}

impl Probes {
    /// Starts these probes in place of the previous ones. A probe that was among them keeps its counts.
    ///
    /// Blocks for a moment. Call [`Self::stop`] first if probes are running.
    ///
    /// # Errors
    ///
    /// Fails if the thread that opens sockets cannot be started, or a namespace does not exist.
    pub fn start(&self, probes: &[Probe]) -> io::Result<()> {
        let mut before: HashMap<(NsName, String), Vec<Running>> = HashMap::new();
        for running in self.running().drain(..) {
            let key = (running.probe.from.clone(), running.probe.target.clone());
            before.entry(key).or_default().push(running);
        }
        if probes.is_empty() {
            return Ok(());
        }
        let opener = Opener::start()?;
        let mut namespaces: HashMap<&NsName, ProbeNamespace> = HashMap::new();
        for from in probes.iter().map(|probe| &probe.from).collect::<HashSet<_>>() {
            namespaces.insert(from, ProbeNamespace::open(from, &opener).map_err(io::Error::other)?);
        }
        let now = Instant::now();
        let mut all = Vec::with_capacity(probes.len());
        for (number, probe) in probes.iter().enumerate() {
            let Some(namespace) = namespaces.get(&probe.from) else { continue };
            let same = before.get(&(probe.from.clone(), probe.target.clone()));
            let same = same.into_iter().flatten().find(|running| running.is_same(probe));
            let stats = same.map_or_else(
                || Arc::new(Mutex::new(ProbeStats::new(now.into_std()))),
                |running| {
                    lock(&running.stats).restart_warm_up(now.into_std());
                    Arc::clone(&running.stats)
                },
            );
            let prober = Prober::new(namespace.clone(), &probe.traffic, probe.status, probe.timeout);
            let offset = SPREAD.min(probe.interval).mul_f64(number as f64 / probes.len() as f64);
            let task = tokio::spawn(run(probe.clone(), prober, Arc::clone(&stats), now + offset));
            all.push(Running { probe: probe.clone(), stats, task: Some(task) });
        }
        *self.running() = all;
        Ok(())
    }

    /// Stops all attempts and closes their namespaces. The counts stay.
    pub async fn stop(&self) {
        let tasks: Vec<_> = self.running().iter_mut().filter_map(|running| running.task.take()).collect();
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // The error says that the task was aborted.
            let _ = task.await;
        }
    }

    /// Returns the outcomes of each probe so far, in the order of the lab file.
    #[must_use]
    pub fn read(&self) -> Vec<ProbeSnapshot> {
        self.running().iter().map(|running| snapshot(&running.probe, &lock(&running.stats))).collect()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        lock(&self.0)
    }
}

/// Locks despite a panic of another holder, which leaves counts that are as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(probe: Probe, mut prober: Prober, stats: Arc<Mutex<ProbeStats>>, start: Instant) {
    let mut ticks = interval_at(start, probe.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let attempt = prober.attempt().await;
        let transition = lock(&stats).add(attempt, std::time::Instant::now());
        let Probe { from, target, traffic, .. } = &probe;
        match transition {
            Some(Transition::Recovered) => {
                info!("{} probe of {target} from {from} succeeds again", traffic.kind());
            }
            Some(Transition::Failed(error)) => {
                warn!("{} probe of {target} from {from} fails: {error}", traffic.kind());
            }
            None => {}
        }
    }
}

fn snapshot(probe: &Probe, stats: &ProbeStats) -> ProbeSnapshot {
    ProbeSnapshot {
        from: probe.from.clone(),
        name: probe.target.clone(),
        kind: probe.traffic.kind(),
        target: probe.traffic.target(),
        interval: probe.interval,
        success: stats.last.as_ref().map(Result::is_ok),
        last: stats.last.as_ref().and_then(|last| last.as_ref().ok().copied()),
        error: stats.last.as_ref().and_then(|last| last.as_ref().err().cloned()),
        durations: stats.durations.clone(),
        failures: stats.failures,
    }
}
