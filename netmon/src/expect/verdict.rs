//! Judges whether an expectation held, and why not. Pure.

use std::{collections::BTreeMap, time::Duration};

use netmon_model::{
    lab::{Expectation, Traffic},
    names::{LinkName, NsName},
};
use serde::Serialize;

use super::path::LinkTraffic;
use crate::probe::Attempt;

/// The outcomes of all attempts.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    took: Vec<Duration>,
    failed: u32,
    /// The best load, bits per second. `None` without a load.
    best_load: Option<u64>,
    /// Why the last failed attempt failed.
    last_error: Option<String>,
}

impl Observed {
    /// Adds an attempt.
    pub fn add(&mut self, attempt: Attempt) {
        match attempt {
            Ok(took) => self.took.push(took),
            Err(error) => {
                self.failed += 1;
                self.last_error = Some(error);
            }
        }
    }

    /// Adds the throughput of a load.
    pub fn add_load(&mut self, bits_per_second: u64) {
        self.best_load = self.best_load.max(Some(bits_per_second));
    }

    /// Returns a quantile of the times of the successful attempts, by nearest rank. `None` if none succeeded.
    fn quantile(&self, quantile: f64) -> Option<Duration> {
        let mut took = self.took.clone();
        took.sort_unstable();
        let rank = (quantile * took.len() as f64).ceil() as usize;
        took.get(rank.max(1) - 1).copied()
    }
}

/// Whether an expectation held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The name of the expectation.
    pub name: String,
    /// The namespace that it was tried from.
    pub from: NsName,
    /// The traffic, in words.
    pub traffic: String,
    /// Whether it held.
    pub held: bool,
    /// Why it did not hold. Empty if it did.
    pub reasons: Vec<String>,
    /// Number of attempts.
    pub attempts: u32,
    /// Number of successful attempts.
    pub succeeded: u32,
    /// The median time of the successful attempts.
    pub p50_ns: Option<u64>,
    /// The 99th percentile of their times.
    pub p99_ns: Option<u64>,
    /// The best load, bits of data per second. `None` without a load.
    pub throughput_bits_per_second: Option<u64>,
    /// Packets of this traffic on each link that the expectation names.
    pub packets: BTreeMap<LinkName, u64>,
    /// Duration of all attempts.
    pub duration_ns: u64,
}

impl Verdict {
    /// Judges an expectation. `links` has what crossed each link meanwhile.
    #[must_use]
    pub fn judge(
        expectation: &Expectation,
        observed: &Observed,
        links: &BTreeMap<LinkName, LinkTraffic>,
        duration: Duration,
    ) -> Self {
        let succeeded = observed.took.len() as u32;
        let mut reasons = Vec::new();
        reasons.extend(unreached(expectation, observed, succeeded));
        for (bound, quantile, name) in
            [(expectation.p50_below, 0.5, "the median"), (expectation.p99_below, 0.99, "the 99th percentile")]
        {
            if let (Some(bound), Some(took)) = (bound, observed.quantile(quantile))
                && took >= bound
            {
                reasons.push(format!("{name} is {took:.1?}, not below {bound:?}"));
            }
        }
        reasons.extend(slow(expectation, observed));
        reasons.extend(wrong_path(expectation, links));
        reasons.extend(slow_links(expectation, links));
        let packets = expectation.links().map(|link| (link.clone(), packets_on(link, links))).collect();
        Self {
            name: expectation.name.clone(),
            from: expectation.from.clone(),
            traffic: expectation.traffic.to_string(),
            held: reasons.is_empty(),
            reasons,
            attempts: observed.failed + succeeded,
            succeeded,
            p50_ns: observed.quantile(0.5).map(nanoseconds),
            p99_ns: observed.quantile(0.99).map(nanoseconds),
            throughput_bits_per_second: observed.best_load,
            packets,
            duration_ns: nanoseconds(duration),
        }
    }

    /// The verdict on an expectation that could not be tried. It did not hold, even if the target should be unreachable.
    #[must_use]
    pub fn not_tried(expectation: &Expectation, why: String) -> Self {
        let verdict = Self::judge(expectation, &Observed::default(), &BTreeMap::new(), Duration::ZERO);
        Self { held: false, reasons: vec![why], ..verdict }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn unreached(expectation: &Expectation, observed: &Observed, succeeded: u32) -> Option<String> {
    let attempts = succeeded + observed.failed;
    if !expectation.reachable {
        return (succeeded > 0).then(|| format!("{succeeded} of {attempts} succeeded, and none should"));
    }
    let allowed = u64::from(attempts) * u64::from(expectation.lost_at_most_ppm);
    let is_too_many = u64::from(observed.failed) * 1_000_000 > allowed;
    let why = observed.last_error.as_deref().unwrap_or("no attempt");
    (is_too_many || succeeded == 0).then(|| format!("{} of {attempts} failed: {why}", observed.failed))
}

fn slow(expectation: &Expectation, observed: &Observed) -> Option<String> {
    let (required, best) = (expectation.throughput_at_least?.bits(), observed.best_load?);
    let mbit = |bits: u64| format!("{:.3} mbit/s", bits as f64 / 1e6);
    let runs = expectation.count;
    (best < required)
        .then(|| format!("the best of {runs} runs carried {}, not {} or more", mbit(best), mbit(required)))
}

fn packets_on(link: &LinkName, links: &BTreeMap<LinkName, LinkTraffic>) -> u64 {
    links.get(link).map_or(0, |traffic| traffic.packets)
}

fn slow_links(expectation: &Expectation, links: &BTreeMap<LinkName, LinkTraffic>) -> Vec<String> {
    let Some(bound) = expectation.link_latency_below else { return Vec::new() };
    let late = |link: &LinkName| match links.get(link).and_then(|traffic| traffic.latency_ns) {
        None => Some(format!(
            "link {link} has no latency: no packet crossed it, or this kernel cannot stamp packets"
        )),
        Some(ns) => {
            let mean = Duration::from_nanos(ns);
            (mean >= bound).then(|| format!("link {link} takes {mean:.1?} on average, not below {bound:?}"))
        }
    };
    expectation.crosses.iter().filter_map(late).collect()
}

/// Checks the path. A link carried the traffic if one of its ends sent as many packets as there were attempts; a command
/// sends at least one.
fn wrong_path(expectation: &Expectation, links: &BTreeMap<LinkName, LinkTraffic>) -> Vec<String> {
    let required = match expectation.traffic {
        Traffic::Command(_) => 1,
        _ => u64::from(expectation.count),
    };
    let on = |link: &LinkName| packets_on(link, links);
    let missed = expectation.crosses.iter().filter(|link| on(link) < required);
    let missed = missed.map(|link| format!("link {link} saw {} of {required} packets", on(link)));
    let taken = expectation.avoids.iter().filter(|link| on(link) >= required);
    missed
        .chain(taken.map(|link| format!("link {link} saw {} packets, and should see none", on(link))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation() -> Expectation {
        Expectation {
            name: "x".to_owned(),
            from: NsName::root(),
            traffic: Traffic::Icmp([10, 0, 0, 1].into()),
            count: 10,
            reachable: true,
            status: None,
            lost_at_most_ppm: 0,
            p50_below: None,
            p99_below: None,
            link_latency_below: None,
            throughput_at_least: None,
            sink: None,
            crosses: Vec::new(),
            avoids: Vec::new(),
        }
    }

    /// Ten attempts, of which the first `failed` fail. The n-th of the others takes n milliseconds.
    fn observed(failed: u64) -> Observed {
        let mut observed = Observed::default();
        (0..failed).for_each(|_| observed.add(Err("no answer".to_owned())));
        (failed..10).for_each(|ms| observed.add(Ok(Duration::from_millis(ms + 1))));
        observed
    }

    fn reasons(expectation: &Expectation, failed: u64, links: &[(&str, u64)]) -> Vec<String> {
        let traffic = |packets| LinkTraffic { packets, latency_ns: Some(packets * 1_000) };
        let links = links.iter().map(|(link, packets)| (link.parse().unwrap(), traffic(*packets))).collect();
        Verdict::judge(expectation, &observed(failed), &links, Duration::ZERO).reasons
    }

    #[test]
    fn loss_is_allowed_up_to_its_bound_but_never_all_of_it() {
        assert_eq!(reasons(&expectation(), 0, &[]), [""; 0]);
        assert_eq!(reasons(&expectation(), 1, &[]), ["1 of 10 failed: no answer"]);
        let lossy = Expectation { lost_at_most_ppm: 100_000, ..expectation() };
        assert_eq!(reasons(&lossy, 1, &[]), [""; 0]);
        assert_eq!(reasons(&lossy, 2, &[]), ["2 of 10 failed: no answer"]);
        let any = Expectation { lost_at_most_ppm: 1_000_000, ..expectation() };
        assert_eq!(reasons(&any, 10, &[]), ["10 of 10 failed: no answer"]);
    }

    #[test]
    fn reachable_false_fails_if_one_attempt_succeeds() {
        let cut = Expectation { reachable: false, ..expectation() };
        assert_eq!(reasons(&cut, 10, &[]), [""; 0]);
        assert_eq!(reasons(&cut, 9, &[]), ["1 of 10 succeeded, and none should"]);
    }

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let ms = Duration::from_millis;
        assert_eq!((observed(0).quantile(0.5), observed(0).quantile(0.99)), (Some(ms(5)), Some(ms(10))));
        let bounded = Expectation { p50_below: Some(ms(5)), p99_below: Some(ms(11)), ..expectation() };
        assert_eq!(reasons(&bounded, 0, &[]), ["the median is 5.0ms, not below 5ms"]);
    }

    #[test]
    fn a_link_is_on_the_path_if_it_carried_a_packet_for_each_attempt() {
        let link = |name: &str| vec![name.parse().unwrap()];
        let path = Expectation { crosses: link("up"), avoids: link("backup"), ..expectation() };
        assert_eq!(reasons(&path, 0, &[("up", 10), ("backup", 9)]), [""; 0]);
        assert_eq!(
            reasons(&path, 0, &[("up", 9), ("backup", 10)]),
            ["link up saw 9 of 10 packets", "link backup saw 10 packets, and should see none"]
        );
    }

    #[test]
    fn link_latency_is_checked_on_each_link_that_is_crossed() {
        let links = || ["up", "core"].map(|name| name.parse().unwrap()).to_vec();
        let bound = Some(Duration::from_micros(12));
        let near = Expectation { crosses: links(), link_latency_below: bound, ..expectation() };
        assert_eq!(reasons(&near, 0, &[("up", 10), ("core", 11)]), [""; 0]);
        assert_eq!(
            reasons(&near, 0, &[("up", 12), ("core", 11)]),
            ["link up takes 12.0\u{b5}s on average, not below 12\u{b5}s"]
        );
        let missing = reasons(&near, 0, &[("up", 10)]);
        assert!(missing[1].starts_with("link core has no latency"), "{missing:?}");
    }

    #[test]
    fn of_several_loads_the_best_counts() {
        let fast = Expectation { throughput_at_least: "10mbit".parse().ok(), ..expectation() };
        let reasons = |rates: &[u64]| {
            let mut observed = observed(0);
            rates.iter().for_each(|rate| observed.add_load(*rate));
            Verdict::judge(&fast, &observed, &BTreeMap::new(), Duration::ZERO).reasons
        };
        assert_eq!(reasons(&[1_000_000, 10_000_000, 2]), [""; 0]);
        assert_eq!(
            reasons(&[9_500_000, 1]),
            ["the best of 10 runs carried 9.500 mbit/s, not 10.000 mbit/s or more"]
        );
    }

    #[test]
    fn an_expectation_that_could_not_be_tried_did_not_hold() {
        let cut = Expectation { reachable: false, ..expectation() };
        let verdict = Verdict::not_tried(&cut, "no such namespace".to_owned());
        assert!(!verdict.held && verdict.reasons == ["no such namespace"]);
    }
}
