//! A lab's probes: each tries at its interval, and what came of it is there to be read.
//!
//! An attempt that takes too long is given up before the next one is due, so none piles up on another. Where the
//! machine is too slow for that, attempts are left out and not made up for.

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
    Place, Prober,
    record::{News, Record},
};

/// Probes of one lab do not all begin at the same moment: the first attempts are spread over so long at most.
const SPREAD: Duration = Duration::from_secs(1);

/// The probes of a lab.
#[derive(Default)]
pub struct Probes(Mutex<Vec<Running>>);

/// One of them.
struct Running {
    probe: Probe,
    record: Arc<Mutex<Record>>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Whether what was counted of this one is of the other as well.
    fn is_same(&self, probe: &Probe) -> bool {
        let of =
            |probe: &Probe| (probe.from.clone(), probe.target.clone(), probe.traffic.clone(), probe.status);
        of(&self.probe) == of(probe)
    }
}

impl Probes {
    /// Begins, or goes on with other ones: those that were there before keep what was counted. To be called by who
    /// may wait a moment, after [`Self::stop`].
    ///
    /// # Errors
    ///
    /// When there can be no thread that opens sockets, or a namespace is not there.
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
        let mut places: HashMap<&NsName, Place> = HashMap::new();
        for from in probes.iter().map(|probe| &probe.from).collect::<HashSet<_>>() {
            places.insert(from, Place::new(from, &opener).map_err(io::Error::other)?);
        }
        let now = Instant::now();
        let mut all = Vec::with_capacity(probes.len());
        for (number, probe) in probes.iter().enumerate() {
            let Some(place) = places.get(&probe.from) else { continue };
            let same = before.get(&(probe.from.clone(), probe.target.clone()));
            let same = same.into_iter().flatten().find(|running| running.is_same(probe));
            let record = same.map_or_else(
                || Arc::new(Mutex::new(Record::new(now.into_std()))),
                |running| {
                    lock(&running.record).warm_up_again(now.into_std());
                    Arc::clone(&running.record)
                },
            );
            let prober = Prober::new(place.clone(), &probe.traffic, probe.status, probe.timeout);
            let part = SPREAD.min(probe.interval).mul_f64(number as f64 / probes.len() as f64);
            let task = tokio::spawn(again_and_again(probe.clone(), prober, Arc::clone(&record), now + part));
            all.push(Running { probe: probe.clone(), record, task: Some(task) });
        }
        *self.running() = all;
        Ok(())
    }

    /// Ends all attempts. When it is done no namespace is held; what was counted stays.
    pub async fn stop(&self) {
        let tasks: Vec<_> = self.running().iter_mut().filter_map(|running| running.task.take()).collect();
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // It was told to end; that is what it says.
            let _ = task.await;
        }
    }

    /// What came of each so far, in the lab file's order.
    #[must_use]
    pub fn read(&self) -> Vec<ProbeSnapshot> {
        self.running().iter().map(|running| snapshot(&running.probe, &lock(&running.record))).collect()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        lock(&self.0)
    }
}

/// A panic while a lock was held leaves counts that are as good as before.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn again_and_again(probe: Probe, mut prober: Prober, record: Arc<Mutex<Record>>, begin: Instant) {
    let mut ticks = interval_at(begin, probe.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let attempt = prober.attempt().await;
        let news = lock(&record).add(attempt, std::time::Instant::now());
        let Probe { from, target, traffic, .. } = &probe;
        match news {
            Some(News::Up) => info!("{} probe of {target} from {from} succeeds again", traffic.kind()),
            Some(News::Down(why)) => warn!("{} probe of {target} from {from} fails: {why}", traffic.kind()),
            None => {}
        }
    }
}

fn snapshot(probe: &Probe, record: &Record) -> ProbeSnapshot {
    ProbeSnapshot {
        from: probe.from.clone(),
        name: probe.target.clone(),
        kind: probe.traffic.kind(),
        target: probe.traffic.target(),
        interval: probe.interval,
        success: record.last.as_ref().map(Result::is_ok),
        last: record.last.as_ref().and_then(|last| last.as_ref().ok().copied()),
        error: record.last.as_ref().and_then(|last| last.as_ref().err().cloned()),
        durations: record.durations.clone(),
        failures: record.failures,
    }
}
