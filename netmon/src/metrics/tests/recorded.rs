//! Passes 100,000 recorded latencies through the buckets to a reader.
//!
//! `latencies.txt` holds the round trips of that many datagrams over a veth pair, as their sender timed them on a busy
//! host with two processors, and so with a long tail. Each row is a duration in nanoseconds, rounded to three digits, and
//! how many times it occurred.

use netmon_model::fixtures::{direct, histogram_of};

use crate::metrics::{Renderer, text_of};

/// The number of latencies.
const COUNT: usize = 100_000;
/// The maximum relative error of a quantile.
const ALLOWED: f64 = 0.125;

/// Returns all latencies, shortest first.
fn latencies() -> Vec<u64> {
    let row = |line: &str| -> Option<(u64, usize)> {
        let (duration, times) = line.split_once(' ')?;
        Some((duration.parse().ok()?, times.parse().ok()?))
    };
    let rows = include_str!("latencies.txt").lines().map(|line| row(line).unwrap());
    let all: Vec<u64> = rows.flat_map(|(duration, times)| vec![duration; times]).collect();
    assert!(all.len() == COUNT && all.is_sorted());
    all
}

#[test]
fn quantiles_of_the_recorded_latencies_are_within_an_eighth_of_the_exact_ones() {
    let latencies = latencies();
    let histogram = histogram_of(latencies.iter().copied());
    let mut worst = 0.0_f64;
    // Every thousandth part, and each rank of the tail.
    let tail = (1..=100).map(|last| COUNT - last + 1);
    for rank in (1..=1000).map(|part| part * COUNT / 1000).chain(tail).chain([1]) {
        let exact = latencies[rank - 1] as f64;
        // The middle of the rank, so that rounding does not select the next one.
        let estimate = histogram.quantile_ns((rank as f64 - 0.5) / COUNT as f64).unwrap();
        let error = (estimate - exact).abs() / exact;
        assert!(error <= ALLOWED, "rank {rank}: {estimate} for {exact}, off by {error}");
        worst = worst.max(error);
    }
    println!("maximum relative error {worst:.4}");
    assert!(worst > 0.01, "exact estimates would not test the bound");
}

#[test]
fn a_scrape_has_the_exact_sum_count_and_buckets_of_the_recorded_latencies() {
    let latencies = latencies();
    let mut snapshot = direct();
    snapshot.links[0].a.round_trips.icmp = histogram_of(latencies.iter().copied());
    let text = text_of(&Renderer::default(), &snapshot, &[]);
    let series = |suffix: &str| {
        let name = format!("netmon_icmp_rtt_seconds_{suffix}{{");
        let ours = text.lines().filter(move |line| line.starts_with(&name) && line.contains("\"root\""));
        ours.map(|line| line.rsplit_once(' ').unwrap()).collect::<Vec<_>>()
    };
    let single = |suffix: &str| series(suffix)[0].1.parse::<f64>().unwrap();
    let nanos = |seconds: f64| (seconds * 1e9).round() as u64;
    assert_eq!(nanos(single("sum")), latencies.iter().sum::<u64>());
    assert_eq!(single("count"), COUNT as f64);
    let buckets = series("bucket");
    assert_eq!(buckets.len(), 54);
    for (labels, value) in buckets {
        let bound = labels.split_once("le=\"").unwrap().1.trim_end_matches("\"}");
        let below = match bound {
            "+Inf" => COUNT,
            bound => latencies.partition_point(|&latency| latency < nanos(bound.parse().unwrap())),
        };
        assert_eq!(value, below.to_string(), "below {bound} s");
    }
}
