//! False alarms over a thousand pairs of equal runs, made of a real recording.
//!
//! `real.netmon.gz` is five minutes of a lab with a web server and pings, on a host that compiled other programs meanwhile: the
//! response times of its seconds differ by 2.6 times their mean and resemble their neighbours (correlation 0.6). A run is made of
//! blocks of five seconds in random order, so that this resemblance is kept, and both runs of a pair are equal but for chance.

#![expect(clippy::unwrap_used, reason = "a panic in a helper of a test is a failed test")]

use fastrand::Rng;
use netmon_compare::{
    batches::Run,
    comparison::{Settings, compare},
    recording::{RecordedWindow, Summary, read},
    series::{Amount, Figure, Latencies},
};
use netmon_model::histogram::Histogram;

const REAL: &[u8] = include_bytes!("real.netmon.gz");
/// Seconds that stay together.
const BLOCK: usize = 5;
/// The blocks of a run: a minute.
const BLOCKS: usize = 12;

fn real() -> (Summary, Vec<RecordedWindow>) {
    let mut windows = Vec::new();
    let summary = read(REAL, |window| windows.push(window)).unwrap();
    (summary, windows)
}

/// Returns the windows of a run of random blocks.
fn resampled(windows: &[RecordedWindow], random: &mut Rng) -> Vec<RecordedWindow> {
    let start = |_| random.usize(..=windows.len() - BLOCK);
    let starts: Vec<usize> = (0..BLOCKS).map(start).collect();
    starts.into_iter().flat_map(|start| windows[start..start + BLOCK].iter().cloned()).collect()
}

/// Makes every response of a run longer by this part.
fn slow_down(windows: &mut [RecordedWindow], summary: &Summary, part: f64) {
    for window in windows {
        for of_series in &mut window.amounts {
            if summary.series[of_series.series].figure == Figure::TcpResponse
                && let Amount::Latency(Latencies(durations)) = &mut of_series.amount
            {
                let (first, counts) = durations.used();
                let longer = (durations.sum_ns as f64 * (1.0 + part)) as u64;
                *durations = Histogram::from_used(first, counts, longer, durations.count);
            }
        }
    }
}

#[test]
fn a_thousand_equal_pairs_of_a_real_recording_have_at_most_one_false_alarm() {
    let (summary, windows) = real();
    let mut random = Rng::with_seed(1);
    let mut run = || [Run::from_windows(summary.clone(), resampled(&windows, &mut random))];
    let without_bounds = Settings {
        bound: 0.0,
        share_bound: 0.0,
        latency_floor_ns: 0.0,
        rate_floor_bytes: 0.0,
        ..Settings::default()
    };
    let (mut without, mut with, mut tests) = (0, 0, 0);
    for _ in 0..1000 {
        let (old, new) = (run(), run());
        let comparison = compare(&old, &new, &without_bounds);
        tests += comparison.tests.len();
        without += usize::from(comparison.is_regression());
        with += usize::from(compare(&old, &new, &Settings::default()).is_regression());
    }
    println!("{without} false alarms without bounds, {with} with the usual ones, {tests} tests");
    assert!(tests > 20_000, "{tests} tests in 1,000 pairs");
    assert!(without <= 1, "{without} false alarms without any bound");
    assert_eq!(with, 0, "with the usual bounds");
}

#[test]
fn a_change_that_a_real_recording_hides_is_not_claimed_and_a_large_one_is_found() {
    let (summary, windows) = real();
    let mut random = Rng::with_seed(2);
    let mut found = |part| {
        let mut find = |_: &u32| {
            let old = resampled(&windows, &mut random);
            let mut new = resampled(&windows, &mut random);
            slow_down(&mut new, &summary, part);
            let [old, new] = [old, new].map(|windows| [Run::from_windows(summary.clone(), windows)]);
            compare(&old, &new, &Settings::default()).is_regression()
        };
        (0..50).filter(&mut find).count()
    };
    let (none, large) = (found(0.0), found(9.0));
    println!("equal: {none} of 50, ten times as slow: {large} of 50");
    assert_eq!(none, 0);
    assert!(large >= 40, "ten times as slow: found in {large} of 50");
}
