//! How far `histogram_quantile` of Prometheus is from the observations, for both widths of buckets. The figures are in
//! `docs/METRICS.md` and `docs/adr/0026`.

use netmon_model::fixtures;

use super::{Buckets, Renderer, Scrape, text_of};

/// The number of observations.
const COUNT: u64 = 600;

/// The three distributions, shortest first.
fn distributions() -> [(&'static str, Vec<u64>); 3] {
    let each = |ns: fn(u64) -> u64| (0..COUNT).map(ns).collect();
    [
        ("0.5 ms and 5 ms", each(|n| if n < COUNT / 2 { 500_000 } else { 5_000_000 })),
        ("1 to 3 ms", each(|n| 1_000_000 + n * 2_000_000 / COUNT)),
        ("2 ms", each(|_| 2_000_000)),
    ]
}

/// Returns the buckets of one histogram as Prometheus stores them: bound and cumulative count.
fn scraped(buckets: Buckets, durations: &[u64]) -> Vec<(f64, f64)> {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a.round_trips.icmp = fixtures::histogram_of(durations.iter().copied());
    let scrape = Scrape::parse(&text_of(&Renderer::new(buckets), &snapshot, &[]));
    let series = scrape.samples.iter().filter(|((name, labels), _)| {
        name == "netmon_icmp_rtt_seconds_bucket" && labels["interface"] == "veth0"
    });
    let bound = |le: &str| le.replace("+Inf", "inf").parse().unwrap();
    let mut buckets: Vec<(f64, f64)> =
        series.map(|((_, labels), count)| (bound(&labels["le"]), *count)).collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    buckets
}

/// `histogram_quantile` as Prometheus computes it (`promql/quantile.go`): linear within the bucket.
fn histogram_quantile(q: f64, buckets: &[(f64, f64)]) -> f64 {
    let rank = q * buckets.last().unwrap().1;
    let at = buckets.iter().position(|(_, count)| *count >= rank).unwrap();
    let (start, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (end, count) = buckets[at];
    start + (end - start) * (rank - below) / (count - below)
}

/// Returns the error of a quantile in per cent of the observation of that rank.
fn error(q: f64, buckets: Buckets, durations: &[u64]) -> f64 {
    let rank = (q * durations.len() as f64).ceil() as usize;
    let exact = durations[rank - 1] as f64 / 1e9;
    (histogram_quantile(q, &scraped(buckets, durations)) / exact - 1.0) * 100.0
}

#[test]
fn quantiles_in_prometheus_are_as_far_off_as_the_pages_say() {
    let expected = [
        ("0.5 ms and 5 ms", [[4.9, 17.4, 25.0], [4.9, 51.0, 66.1]]),
        ("1 to 3 ms", [[0.1, 4.2, 4.9], [0.0, 33.3, 39.3]]),
        ("2 ms", [[-8.3, 2.2, 4.6], [-21.4, -0.4, 4.3]]),
    ];
    for ((name, durations), (documented, errors)) in distributions().iter().zip(expected) {
        assert_eq!(*name, documented);
        for (buckets, errors) in [Buckets::Half, Buckets::Octave].into_iter().zip(errors) {
            for (q, expected) in [0.5, 0.9, 0.99].into_iter().zip(errors) {
                let error = error(q, buckets, durations);
                println!("{name}, {buckets:?}, q {q}: {error:+.1} %");
                assert!((error - expected).abs() < 0.06, "{name}, {buckets:?}, q {q}: {error:+.2} %");
            }
        }
    }
}

#[test]
fn no_quantile_is_further_off_than_the_width_of_its_bucket() {
    for (buckets, above) in [(Buckets::Half, 50.0), (Buckets::Octave, 100.0)] {
        for step in 0..64 {
            let durations = vec![1_048_576 + step * 1_048_576 / 64; 100];
            for q in [0.01, 0.5, 0.99, 1.0] {
                let error = error(q, buckets, &durations);
                assert!((-above / (1.0 + above / 100.0)..=above).contains(&error), "{buckets:?}: {error} %");
            }
        }
    }
}
