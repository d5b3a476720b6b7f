//! Made-up runs, with the traits of real ones: seconds that resemble their neighbours, stalls, losses in bursts.

use fastrand::Rng;
use netmon_compare::{
    batches::Run,
    comparison::Settings,
    recording::{Agent, FORMAT, Header, RecordedWindow, SeriesAmount, Summary},
    series::{Amount, End, Figure, Latencies, Place, Series, Share},
};
use netmon_ebpf::histogram::{BUCKETS, bucket};
use netmon_model::histogram::Histogram;

/// How a made-up host behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// How long the recording is, in windows of a second.
    pub(crate) seconds: usize,
    /// How much a second resembles the one before, from 0 to 1.
    pub(crate) resemblance: f64,
    /// By how much the mean of a second differs from the next one's, relatively.
    pub(crate) unrest: f64,
    /// By how much one request differs from the next one, relatively.
    pub(crate) jitter: f64,
    /// The probability that a request meets a stall of the host, which makes it up to 50 times as long.
    pub(crate) stalls: f64,
    /// The part of segments that is lost.
    pub(crate) loss: f64,
    /// The factor by which the service is slower.
    pub(crate) slower: f64,
}

/// A calm host.
pub(crate) const CALM: Host =
    Host { seconds: 60, resemblance: 0.0, unrest: 0.02, jitter: 0.2, stalls: 0.0, loss: 0.0, slower: 1.0 };

/// The links of a made-up lab.
const LINKS: usize = 2;
/// Requests a second, on each link.
const REQUESTS: usize = 60;

/// Settings that report every difference that is not chance.
pub(crate) fn without_bounds() -> Settings {
    Settings {
        bound: 0.0,
        share_bound: 0.0,
        latency_floor_ns: 0.0,
        rate_floor_bytes: 0.0,
        ..Settings::default()
    }
}

impl Host {
    /// Makes a run.
    pub(crate) fn run(&self, random: &mut Rng) -> Run {
        let mut drift = vec![0.0; LINKS];
        let windows: Vec<_> =
            (0..self.seconds).map(|second| self.window(second as u64, &mut drift, random)).collect();
        Run::from_windows(summary(), windows)
    }

    fn window(&self, second: u64, drift: &mut [f64], random: &mut Rng) -> RecordedWindow {
        let mut amounts = Vec::new();
        for (link, drift) in drift.iter_mut().enumerate() {
            let fresh = (1.0 - self.resemblance.powi(2)).sqrt() * self.unrest * normal(random);
            *drift = self.resemblance * *drift + fresh;
            amounts.extend(self.link(link, *drift, random));
        }
        RecordedWindow { ended_at_unix_ms: 1000 * second, ns: 1_000_000_000, amounts, unknown: Vec::new() }
    }

    /// The amounts of one link in a second: its latency, the response of its service, its losses and its bytes.
    fn link(&self, link: usize, drift: f64, random: &mut Rng) -> [SeriesAmount; 4] {
        let latency = self.durations(30_000.0 * drift.exp(), random);
        let response = self.durations(2e6 * self.slower * drift.exp(), random);
        let burst = if random.f64() < 0.1 { 5.0 } else { 5.0 / 9.0 };
        let lost = (0..2 * REQUESTS).filter(|_| random.f64() < self.loss * burst).count() as u64;
        let bytes = (1e6 * (-drift).exp() * (1.0 + 0.01 * normal(random))) as u64;
        let amounts = [
            Amount::Latency(Latencies(latency)),
            Amount::Latency(Latencies(response)),
            Amount::Share(Share { part: lost, whole: 2 * REQUESTS as u64 }),
            Amount::Bytes(bytes),
        ];
        let mut position = 4 * link;
        amounts.map(|amount| {
            position += 1;
            SeriesAmount { series: position - 1, amount }
        })
    }

    fn durations(&self, mean_ns: f64, random: &mut Rng) -> Histogram {
        let (mut buckets, mut sum) = ([0; BUCKETS], 0);
        for _ in 0..REQUESTS {
            let stall = if random.f64() < self.stalls { 50.0 * random.f64() } else { 0.0 };
            let ns = (mean_ns * ((self.jitter * normal(random)).exp() + stall)) as u64;
            buckets[bucket(ns)] += 1;
            sum += ns;
        }
        Histogram::new(&buckets, sum, REQUESTS as u64)
    }
}

/// What a made-up recording says beside its windows.
pub(crate) fn summary() -> Summary {
    let header = Header {
        format: FORMAT,
        netmon: "0.1.0".to_owned(),
        began_at_unix_ms: 0,
        interval_ms: 1000,
        agent: Agent::default(),
        lab: None,
        machine: None,
    };
    Summary { header, series: (0..LINKS).flat_map(series).collect(), gaps: Vec::new(), end: None }
}

fn series(link: usize) -> [Series; 4] {
    let end = |netns: String| End { netns: netns.parse().unwrap(), interface: "eth0".parse().unwrap() };
    let (from, to) = (end("root".to_owned()), end(format!("web{link}")));
    let link: netmon_model::names::LinkName = format!("link{link}").parse().unwrap();
    let at = Place::End { link: link.clone(), at: to.clone() };
    let way = Place::Direction { link, from, to };
    [
        Series { place: way.clone(), figure: Figure::LinkLatency },
        Series { place: at, figure: Figure::TcpResponse },
        Series { place: way.clone(), figure: Figure::LinkLoss },
        Series { place: way, figure: Figure::Throughput },
    ]
}

/// A number of the standard normal distribution (Box and Muller, 1958).
fn normal(random: &mut Rng) -> f64 {
    let (radius, angle) = (1.0 - random.f64(), random.f64());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
