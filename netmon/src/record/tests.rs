//! Recordings of agents that serve a made-up lab: complete, interrupted, and across a restart.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use netmon_compare::{
    batches::Run,
    recording::{self, Summary},
    series::{Amount, Figure},
};
use netmon_model::{
    fixtures,
    progress::Silent,
    snapshot::{Flow, Snapshot},
};
use tokio::{net::TcpListener, sync::oneshot};

use super::*;
use crate::{
    live::{Readiness, SnapshotSource, SourceError},
    server::{self, serve},
};

/// A lab whose first link carries 1,000 bytes from one reading to the next.
struct Busy {
    began: std::time::Instant,
    readings: Arc<AtomicU64>,
}

impl SnapshotSource for Busy {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let mut snapshot = fixtures::direct();
        let readings = 1 + self.readings.fetch_add(1, Ordering::Relaxed);
        snapshot.monotonic_ns += u64::try_from(self.began.elapsed().as_nanos())?;
        snapshot.links[0].a.hooks.egress.wire_bytes += 1000 * readings;
        Ok(snapshot)
    }

    fn flows(&self) -> Vec<Flow> {
        Vec::new()
    }

    fn ready(&self) -> Readiness {
        Readiness::from_hooks(4, 4)
    }
}

/// An agent that serves until the sender is used or dropped.
struct Agent {
    client: Client,
    address: SocketAddr,
    end: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Agent {
    async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let source = Arc::new(Busy { began: std::time::Instant::now(), readings: Arc::default() });
        let (end, is_ended) = oneshot::channel();
        // Without a history, only requests cause readings.
        let options = server::Options { history_bytes: None, ..Default::default() };
        let serving = serve(listener.try_into().unwrap(), source, options, async {
            let _ = is_ended.await;
        });
        let ended = tokio::spawn(async {
            drop(serving.await);
        });
        Self { client: Client::new(address), address, end, ended }
    }

    async fn stop(self) {
        drop(self.end);
        self.ended.await.unwrap();
    }
}

fn options(duration: Option<Duration>) -> Options {
    Options { interval: Duration::from_millis(20), duration, is_on_this_host: true }
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Reads a recording: what it says, and the bytes on the first link in each window.
fn read(file: &std::path::Path) -> (Summary, Vec<Option<Amount>>) {
    let mut windows = Vec::new();
    let summary = recording::read(File::open(file).unwrap(), |window| windows.push(window)).unwrap();
    let at = summary.series.iter().position(|series| series.figure == Figure::Throughput);
    let of = |window: &recording::RecordedWindow| {
        window.amounts.iter().find(|of| Some(of.series) == at).map(|of| of.amount.clone())
    };
    let bytes = windows.iter().map(of).collect();
    (summary, bytes)
}

#[tokio::test]
async fn every_window_has_what_happened_between_two_readings() {
    let agent = Agent::start(loopback()).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.netmon.gz");
    let first = first_reading(&agent.client).await.unwrap();
    let file = create(&path, false).unwrap();
    let options = options(Some(Duration::from_millis(200)));
    let recorded =
        record(&agent.client, first, file, options, std::future::pending(), &Silent).await.unwrap();
    assert_eq!(recorded.reason, EndReason::Complete);
    let (summary, bytes) = read(&path);
    assert_eq!(summary.end.unwrap().windows, recorded.windows);
    assert!(
        recorded.windows >= 2 && bytes.iter().all(|bytes| *bytes == Some(Amount::Bytes(1000))),
        "{bytes:?}"
    );
    let lab = summary.header.lab.unwrap();
    assert_eq!((lab.name, summary.header.interval_ms), (fixtures::direct().labs[0].name.clone(), 20));
    assert!(summary.header.machine.is_some(), "the agent is on this host");
    assert_eq!(Run::read(File::open(&path).unwrap()).unwrap().windows, recorded.windows);
}

#[tokio::test]
async fn a_signal_ends_a_recording_well() {
    let agent = Agent::start(loopback()).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.netmon.gz");
    let first = first_reading(&agent.client).await.unwrap();
    let stop = std::future::ready(());
    let file = create(&path, false).unwrap();
    let recorded = record(&agent.client, first, file, options(None), stop, &Silent).await.unwrap();
    assert_eq!(recorded.reason, EndReason::Interrupted);
    assert_eq!(read(&path).0.end.unwrap().reason, EndReason::Interrupted);
}

#[tokio::test]
async fn a_restarted_agent_leaves_a_gap_and_no_wrong_amount() {
    let agent = Agent::start(loopback()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = create(&directory.path().join("run.netmon.gz"), false).unwrap();
    let first = first_reading(&agent.client).await.unwrap();
    let client = agent.client.clone();
    let mut recorder = Recorder::new(&client, first, file, options(None)).unwrap();
    recorder.read().await.unwrap();
    let address = agent.address;
    agent.stop().await;
    recorder.read().await.unwrap();
    recorder.read().await.unwrap();
    assert!(recorder.silent_since.is_some());
    let agent = Agent::start(address).await;
    recorder.read().await.unwrap();
    recorder.read().await.unwrap();
    assert!(recorder.silent_since.is_none());
    let recorded = recorder.finish(EndReason::Complete).unwrap();
    agent.stop().await;

    let (summary, bytes) = read(&directory.path().join("run.netmon.gz"));
    assert_eq!((recorded.windows, bytes), (2, vec![Some(Amount::Bytes(1000)); 2]));
    let reasons: Vec<_> = summary.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert!(reasons.len() == 2 && reasons[0].contains("cannot connect"), "{reasons:?}");
    assert_eq!(reasons[1], "the agent was restarted");
}

#[test]
fn a_recording_has_as_many_windows_as_intervals_fit() {
    let windows = |seconds, ms| windows(Duration::from_secs(seconds), Duration::from_millis(ms));
    assert_eq!((windows(60, 1000), windows(1, 300)), (60, 4));
}
