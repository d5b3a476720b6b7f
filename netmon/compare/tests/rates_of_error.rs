//! How often a comparison is wrong, over a thousand pairs of runs on made-up hosts of several kinds.
//!
//! The hosts break what textbooks assume: seconds resemble their neighbours, stalls make a few requests 50 times as long,
//! losses come in bursts. The seeds are fixed, so a failure repeats.

#![expect(clippy::unwrap_used, reason = "a panic in a helper of a test is a failed test")]

mod made;

use fastrand::Rng;
use made::{CALM, Host, without_bounds};
use netmon_compare::{
    batches::Run,
    comparison::{Comparison, Settings, Verdict, compare},
};

/// The probability of more false alarms than this in a thousand comparisons is 1.9 %, if each has one with 0.1 %.
const MOST_FALSE_ALARMS: usize = 3;

const HOSTS: [(&str, Host); 4] = [
    ("calm", CALM),
    ("stalling and lossy", Host { stalls: 0.002, loss: 0.01, ..CALM }),
    ("drifting", Host { resemblance: 0.8, unrest: 0.1, ..CALM }),
    (
        "short and drifting",
        Host { seconds: 20, resemblance: 0.6, unrest: 0.1, stalls: 0.002, loss: 0.01, ..CALM },
    ),
];

fn regressions(comparison: &Comparison) -> usize {
    comparison.tests.iter().filter(|test| test.verdict == Verdict::Regressed).count()
}

/// Compares this many pairs, and returns how many have a regression.
fn alarms(pairs: u64, (old, new): (&Host, &Host), settings: &Settings) -> usize {
    let mut random = Rng::with_seed(17);
    let mut is_alarm = |_: &u64| {
        let (old, new) = (old.run(&mut random), new.run(&mut random));
        compare(&[old], &[new], settings).is_regression()
    };
    (0..pairs).filter(|pair| is_alarm(pair)).count()
}

#[test]
fn equal_runs_are_called_worse_at_most_once_in_a_thousand() {
    for (name, host) in &HOSTS {
        let mut random = Rng::with_seed(17);
        let (mut without_bound, mut with_bound) = (0, 0);
        for _ in 0..1000 {
            let (old, new) = ([host.run(&mut random)], [host.run(&mut random)]);
            without_bound += usize::from(compare(&old, &new, &without_bounds()).is_regression());
            with_bound += usize::from(compare(&old, &new, &Settings::default()).is_regression());
        }
        println!("{name}: in 1,000 pairs {without_bound} false alarms, {with_bound} beyond the usual bounds");
        assert!(without_bound <= MOST_FALSE_ALARMS, "{name}: {without_bound} false alarms in 1,000 pairs");
        assert_eq!(with_bound, 0, "{name}");
    }
}

#[test]
fn a_service_that_is_a_tenth_slower_is_found_in_each_of_a_hundred_pairs() {
    for (name, host) in &HOSTS[..2] {
        let host = Host { seconds: 120, ..*host };
        let slower = Host { slower: 1.1, ..host };
        let found = alarms(100, (&host, &slower), &Settings::default());
        println!("{name}: found in {found} of 100 pairs");
        assert_eq!(found, 100, "{name}");
    }
}

/// Makes runs of a host that is a little faster or slower each time, for a reason that no run shows.
fn runs_that_differ(number: usize, random: &mut Rng) -> Vec<Run> {
    let mut run = |_| Host { slower: 0.9 + 0.2 * random.f64(), seconds: 30, ..CALM }.run(random);
    (0..number).map(&mut run).collect()
}

#[test]
fn what_changes_from_run_to_run_is_seen_by_several_runs_only() {
    let mut random = Rng::with_seed(9);
    let mut alarms = |number| {
        let mut is_alarm = |_: &u32| {
            let (old, new) = (runs_that_differ(number, &mut random), runs_that_differ(number, &mut random));
            compare(&old, &new, &Settings::default()).is_regression()
        };
        (0..100).filter(&mut is_alarm).count()
    };
    let (of_one, of_five) = (alarms(1), alarms(5));
    println!("runs that differ: {of_one} of 100 alarms from one run of each side, {of_five} from five");
    assert!(of_one > 5, "one run of each side: {of_one} of 100");
    assert_eq!(of_five, 0, "five runs of each side");
}

#[test]
fn only_the_slower_figure_is_reported() {
    let mut random = Rng::with_seed(3);
    let (old, new) = (CALM.run(&mut random), Host { slower: 1.1, ..CALM }.run(&mut random));
    let comparison = compare(&[old], &[new], &Settings::default());
    let named = comparison.tests.iter().filter(|test| test.verdict == Verdict::Regressed);
    let mut figures: Vec<_> = named.map(|test| (test.series.figure.name(), test.statistic.name())).collect();
    figures.dedup();
    assert!(
        figures.chunks(2).all(|pair| pair == [("tcp_response", "mean"), ("tcp_response", "typical")]),
        "{figures:?}"
    );
    assert!(regressions(&comparison) >= 4, "on both links");
}

#[test]
fn a_loss_of_three_percent_is_found_beside_none() {
    let (calm, lossy) = (Host { seconds: 240, ..CALM }, Host { seconds: 240, loss: 0.03, ..CALM });
    assert_eq!(alarms(50, (&calm, &lossy), &Settings::default()), 50);
    assert_eq!(alarms(50, (&lossy, &calm), &Settings::default()), 0, "and its end is none");
}

#[test]
fn the_interval_covers_the_true_change_as_often_as_it_says() {
    let (host, slower) = (Host { seconds: 120, ..CALM }, Host { seconds: 120, slower: 1.1, ..CALM });
    let settings = Settings { confidence: 0.9, ..without_bounds() };
    let mut random = Rng::with_seed(5);
    let mut missed = 0;
    for _ in 0..300 {
        let comparison = compare(&[host.run(&mut random)], &[slower.run(&mut random)], &settings);
        let misses = comparison.tests.iter().any(|test| {
            let truth = if test.series.figure.name() == "tcp_response" { 0.1 } else { 0.0 };
            !(test.change_low..=test.change_high).contains(&truth)
        });
        missed += usize::from(misses);
    }
    // At most 10 % on either side; 78 of 300 would be three standard deviations beyond.
    assert!(missed <= 78, "{missed} of 300 comparisons have an interval without the truth");
}
