//! What watching changes: the minimum round trip that ping reports, with hooks attached and without, in turn.

use anyhow::{Context as _, Result};
use netmon::{
    datapath::Options,
    ownership::Claim,
    topology::{self, Endpoint},
    watch::Meter,
};
use netmon_model::progress::Silent;
use netmon_tests::{labs::direct, sandbox::run as program};
use serde_json::json;

use crate::figures::{Figure, conditions};

/// The most that the median of the minima may grow, microseconds.
const BOUND_US: f64 = 1.5;

/// What ping reports, microseconds.
#[derive(Clone, Copy, Debug)]
struct Rtt {
    minimum: f64,
    mean: f64,
}

/// Alternates until there are `pairs` runs of each kind.
pub(crate) fn run(pairs: u32, flow_entries: u32, as_json: bool) -> Result<()> {
    let lab = direct();
    let claim = Claim::take(&lab.name)?;
    let mut endpoints: Vec<Endpoint> = Vec::new();
    topology::up(&lab, &claim, &mut endpoints, &Silent)?;
    let mut meter = Meter::load(&Options { flow_entries, ..Options::default() })?;
    ping()?;
    let (mut off, mut on) = (Vec::new(), Vec::new());
    if !as_json {
        println!("{:>5} {:>14} {:>14} {:>14} {:>14}", "pair", "off: minimum", "mean", "on: minimum", "mean");
    }
    for pair in 1..=pairs {
        // Who goes first changes from pair to pair, so that a drift of the machine favours neither.
        if pair % 2 == 0 {
            on.push(watched(&mut meter, &endpoints)?);
            off.push(ping()?);
        } else {
            off.push(ping()?);
            on.push(watched(&mut meter, &endpoints)?);
        }
        if !as_json {
            print_pair(pair, off[off.len() - 1], on[on.len() - 1]);
        }
    }
    if as_json {
        print_json(&off, &on);
    } else {
        report(&off, &on);
    }
    drop((endpoints, meter));
    Ok(())
}

fn watched(meter: &mut Meter, endpoints: &[Endpoint]) -> Result<Rtt> {
    meter.attach(endpoints)?;
    let rtt = ping()?;
    match meter.release().into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(rtt),
    }
}

fn ping() -> Result<Rtt> {
    let said = program("ping", &["-q", "-c", "2000", "-i", "0.001", "10.200.0.3"]);
    parse(&said).with_context(|| format!("ping does not say how long it took: {said}"))
}

/// From `rtt min/avg/max/mdev = 0.005/0.006/0.059/0.002 ms`.
fn parse(said: &str) -> Option<Rtt> {
    let (_, figures) = said.split_once("rtt min/avg/max/mdev = ")?;
    let mut figures = figures.split('/').map(|figure| figure.parse::<f64>().ok());
    let mut next_us = || Some(figures.next()?? * 1000.0);
    Some(Rtt { minimum: next_us()?, mean: next_us()? })
}

fn print_pair(pair: u32, without: Rtt, with: Rtt) {
    println!(
        "{pair:>5} {:>11.1} us {:>11.1} us {:>11.1} us {:>11.1} us",
        without.minimum, without.mean, with.minimum, with.mean
    );
}

fn minima(runs: &[Rtt]) -> Figure {
    Figure::of(runs.iter().map(|rtt| rtt.minimum).collect())
}

fn means(runs: &[Rtt]) -> Figure {
    Figure::of(runs.iter().map(|rtt| rtt.mean).collect())
}

fn report(off: &[Rtt], on: &[Rtt]) {
    let difference = minima(on).median - minima(off).median;
    println!();
    println!("median of {} runs (lowest to highest), us", off.len());
    println!("{:<10} {:>22} {:>22}", "", "minimum", "mean");
    println!("{:<10} {:>22} {:>22}", "hooks off", minima(off), means(off));
    println!("{:<10} {:>22} {:>22}", "hooks on", minima(on), means(on));
    println!("{:<10} {difference:>22.1} {:>22.1}", "difference", means(on).median - means(off).median);
    let held = if difference <= BOUND_US { "held" } else { "NOT held" };
    println!("bound on the difference of the minima, {BOUND_US} us: {held}");
    println!("{}", conditions());
}

fn print_json(off: &[Rtt], on: &[Rtt]) {
    let runs = |runs: &[Rtt]| json!({ "minimum_us": minima(runs).json(), "mean_us": means(runs).json() });
    let all = json!({
        "pairs": off.len(),
        "off": runs(off),
        "on": runs(on),
        "difference_us": minima(on).median - minima(off).median,
        "bound_us": BOUND_US,
        "conditions": conditions(),
    });
    println!("{all:#}");
}
