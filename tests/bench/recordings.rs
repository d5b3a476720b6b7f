//! How often `netmon compare` finds a service that is a tenth slower, and how often it calls equal runs worse.
//!
//! Each round makes three recordings: two of the same service and one of a slower one. Their order changes from round to
//! round, so that a drift of the machine favours none. Everything that is measured is compared, with the usual bounds.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use netmon_tests::{
    binary::netmon,
    running::Running,
    talk,
    work::{Kind, Service},
};
use serde_json::{Value, json};

use crate::figures::conditions;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The number of rounds of each kind of service.
    pub(crate) rounds: u32,
    /// The length of a recording. It has 60 windows.
    pub(crate) seconds: u64,
    /// Whether JSON is printed.
    pub(crate) json: bool,
}

/// The services, and the time that each takes.
const SERVICES: [(&str, Kind, Duration); 2] = [
    ("waiting 10 ms", Kind::Waiting, Duration::from_millis(10)),
    ("computing 3 ms", Kind::Computing, Duration::from_millis(3)),
];
/// How much slower the slower one is.
const SLOWER: f64 = 1.1;
/// The windows of a recording.
const WINDOWS: u64 = 60;

/// The recordings of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Old,
    Equal,
    Slower,
}

/// The orders of a round: each recording is the first, the second and the third as often as the others.
const ORDERS: [[Run; 3]; 3] = [
    [Run::Old, Run::Equal, Run::Slower],
    [Run::Slower, Run::Old, Run::Equal],
    [Run::Equal, Run::Slower, Run::Old],
];

/// What came of a kind of service.
#[derive(Default)]
struct Outcome {
    found: u32,
    false_alarms: u32,
    /// The change of the response time in each round, and its interval.
    changes: Vec<[f64; 3]>,
    /// What was called worse in equal runs.
    wrong: Vec<String>,
}

pub(crate) fn run(wish: &Wish) -> Result<()> {
    let agent = talk::start("");
    let _ping = Running::start(
        "ping",
        "ip",
        &["netns", "exec", "near", "ping", "-q", "-i", "0.05", talk::ADDRESSES[0]],
    )?;
    let mut all = Vec::new();
    if !wish.json {
        let slower = 100.0 * (SLOWER - 1.0);
        println!(
            "recordings of {} s; a service that is {slower:.0} % slower, and an equal one",
            wish.seconds
        );
    }
    for (name, kind, takes) in SERVICES {
        let service = Service::start(kind);
        service.take(takes);
        let _load = service.load();
        let mut outcome = Outcome::default();
        for round in 0..wish.rounds {
            outcome.round(&service, takes, round, wish.seconds)?;
            let (found, wrong) = (outcome.found, outcome.false_alarms);
            eprintln!("netmon-bench: {name}: round {}: {found} found, {wrong} false alarms", round + 1);
        }
        if !wish.json {
            print(name, &outcome, wish.rounds);
        }
        all.push((name, outcome));
    }
    drop(agent);
    match wish.json {
        true => print_json(wish, &all),
        false => println!("{}", conditions()),
    }
    Ok(())
}

impl Outcome {
    fn round(&mut self, service: &Service, takes: Duration, round: u32, seconds: u64) -> Result<()> {
        for run in ORDERS[round as usize % ORDERS.len()] {
            service.take(if run == Run::Slower { takes.mul_f64(SLOWER) } else { takes });
            record(&path(run), seconds)?;
        }
        let (is_worse, slower) = compare(&path(Run::Slower))?;
        self.found += u32::from(is_worse && is_named(&slower));
        self.changes.extend(response(&slower));
        let (is_worse, equal) = compare(&path(Run::Equal))?;
        self.false_alarms += u32::from(is_worse);
        self.wrong.extend(regressed(&equal).map(ToString::to_string));
        Ok(())
    }

    fn json(&self, name: &str) -> Value {
        json!({
            "service": name, "found": self.found, "false_alarms": self.false_alarms,
            "response_changes": self.changes, "wrong": self.wrong,
        })
    }
}

fn print_json(wish: &Wish, all: &[(&str, Outcome)]) {
    let services: Vec<_> = all.iter().map(|(name, outcome)| outcome.json(name)).collect();
    let Wish { rounds, seconds, .. } = wish;
    println!(
        "{:#}",
        json!({ "rounds": rounds, "seconds": seconds, "services": services, "conditions": conditions() })
    );
}

fn print(name: &str, outcome: &Outcome, rounds: u32) {
    let percent = |at: usize| outcome.changes.iter().map(move |change| 100.0 * change[at]);
    let lowest = percent(1).fold(f64::INFINITY, f64::min);
    let (least, most) =
        (percent(0).fold(f64::INFINITY, f64::min), percent(0).fold(f64::NEG_INFINITY, f64::max));
    println!(
        "{name:<16} found in {} of {rounds}, false alarms in {} of {rounds}; change {least:+.1} to {most:+.1} %, \
         lowest limit {lowest:+.1} %",
        outcome.found, outcome.false_alarms
    );
    outcome.wrong.iter().for_each(|wrong| println!("  false alarm: {wrong}"));
}

fn path(run: Run) -> String {
    format!("/run/sandbox/{run:?}.netmon.gz")
}

fn record(file: &str, seconds: u64) -> Result<()> {
    let (seconds, interval) = (seconds.to_string(), (1000 * seconds / WINDOWS).to_string());
    let arguments = ["record", "--seconds", &seconds, "--interval-ms", &interval, "--force", "--write", file];
    let output = Command::new(netmon()).args(arguments).output()?;
    if !output.status.success() {
        bail!("netmon record: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Compares the old recording with `new`. Returns whether that is worse, and the comparison.
fn compare(new: &str) -> Result<(bool, Value)> {
    let old = path(Run::Old);
    assert!(Path::new(&old).exists());
    let output = Command::new(netmon()).args(["compare", &old, new, "-o", "json"]).output()?;
    let is_worse = match output.status.code() {
        Some(0) => false,
        Some(5) => true,
        _ => bail!("netmon compare: {}", String::from_utf8_lossy(&output.stderr)),
    };
    Ok((is_worse, serde_json::from_slice(&output.stdout).context("the comparison")?))
}

fn regressed(comparison: &Value) -> impl Iterator<Item = &Value> {
    let tests = comparison["tests"].as_array().into_iter().flatten();
    tests.filter(|test| test["verdict"] == "regressed")
}

/// Returns whether the response time of the service is among what regressed.
fn is_named(comparison: &Value) -> bool {
    regressed(comparison)
        .any(|test| test["figure"] == "tcp_response" && test["place"]["end"]["at"]["netns"] == "far")
}

/// Returns the change of the response time at the service, with its limits: of the mean and the typical one, the one that is
/// known better.
fn response(comparison: &Value) -> Option<[f64; 3]> {
    let tests = comparison["tests"].as_array()?.iter();
    let is_response = |test: &&Value| {
        test["figure"] == "tcp_response"
            && (test["statistic"] == "mean" || test["statistic"] == "typical")
            && test["place"]["end"]["at"]["netns"] == "far"
    };
    let limits = |test: &Value| {
        Some([test["change"].as_f64()?, test["change_low"].as_f64()?, test["change_high"].as_f64()?])
    };
    tests.filter(is_response).filter_map(limits).max_by(|one, other| one[1].total_cmp(&other[1]))
}
