//! What watching costs a veth end to end: one TCP stream, small datagrams, and a ping-pong, with hooks off and
//! on in turn.
//!
//! The loads are our own sockets, so nothing has to be installed. Each is compared within its pair of runs,
//! which lie next to each other in time; off against the off before shows what the machine does by itself.

use anyhow::{Context as _, Result};
use netmon::{
    datapath::{Datapath, Options},
    netns::NetNs,
    topology::{self, Claim, Endpoint, NoInstrument, Silent},
};
use netmon_tests::labs::{direct, valid};
use serde_json::{Value, json};

use crate::{
    figures::{Figure, conditions},
    loads::{self, Peer},
    paired::Paired,
};

/// The most that watching may cost, per cent.
const BOUND: f64 = 3.0;
/// What is measured, and whether more of it is better.
const LOADS: [(&str, bool); 4] = [
    ("TCP stream, Gbit/s", true),
    ("64-byte UDP, 1,000 packets/s", true),
    ("ping-pong, us", false),
    ("ping-pong of two processors, us", false),
];

/// One run of each load.
type Run = [f64; LOADS.len()];

/// Alternates until there are `pairs` runs of each kind.
pub(crate) fn run(pairs: u32, as_json: bool) -> Result<()> {
    let lab = direct();
    let claim = Claim::take(&lab.name)?;
    let endpoints = topology::up(&lab, &claim, &mut NoInstrument, &Silent)?;
    let mut datapath = Datapath::load(&Options::default())?;
    let inside = NetNs::open(&valid("direct_netns"))?;
    let peer = Peer::new(inside, valid("10.200.0.3"))?;
    // Before we keep to one processor: they are counted.
    let conditions = conditions();
    let measure = || -> Result<Run> {
        Ok([peer.stream()?, peer.datagrams()?, peer.ping_pong(false)?, peer.ping_pong(true)?])
    };
    measure().context("the first run, which counts for nothing")?;
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for pair in 1..=pairs {
        // Who goes first changes from pair to pair, so that a drift of the machine favours neither.
        if pair % 2 == 0 {
            on.push(watched(&mut datapath, &endpoints, measure)?);
            off.push(measure()?);
        } else {
            off.push(measure()?);
            on.push(watched(&mut datapath, &endpoints, measure)?);
        }
    }
    if as_json {
        print_json(&off, &on, &conditions);
    } else {
        print_table(&off, &on, &conditions);
    }
    drop((endpoints, datapath));
    Ok(())
}

fn watched(
    datapath: &mut Datapath,
    endpoints: &[Endpoint],
    measure: impl Fn() -> Result<Run>,
) -> Result<Run> {
    datapath.attach(endpoints)?;
    let run = measure()?;
    match datapath.detach_all().into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(run),
    }
}

fn of(runs: &[Run], load: usize) -> Vec<f64> {
    runs.iter().map(|run| run[load]).collect()
}

/// What watching costs one load, and what the machine differs by without.
fn judged(off: &[Run], on: &[Run], load: usize) -> (Paired, Paired) {
    let (without, with) = (of(off, load), of(on, load));
    let cost = |before: &f64, after: &f64| {
        let more = (after - before) / before * 100.0;
        if LOADS[load].1 { -more } else { more }
    };
    let watching = without.iter().zip(&with).map(|(off, on)| cost(off, on)).collect();
    let nothing = without.windows(2).map(|two| cost(&two[0], &two[1])).collect();
    (Paired::of(watching), Paired::of(nothing))
}

fn print_table(off: &[Run], on: &[Run], conditions: &str) {
    println!("median of {} runs (lowest to highest)", off.len());
    println!("{:<32} {:>28} {:>28}", "", "hooks off", "hooks on");
    for (load, (name, _)) in LOADS.iter().enumerate() {
        println!("{name:<32} {:>28} {:>28}", Figure::of(of(off, load)), Figure::of(of(on, load)));
    }
    println!();
    println!("what watching costs, per cent, by pairs: median (where it lies with 95 % confidence)");
    println!("{:<32} {:>28} {:>28}", "", "on against off", "off against the off before");
    for (load, (name, _)) in LOADS.iter().enumerate() {
        let (watching, nothing) = judged(off, on, load);
        println!("{name:<32} {watching:>28} {nothing:>28}  bound {BOUND}: {}", watching.verdict(BOUND));
    }
    println!("{conditions}");
}

fn print_json(off: &[Run], on: &[Run], conditions: &str) {
    let figure = |figure: Figure| json!({ "median": figure.median, "lowest": figure.lowest, "highest": figure.highest });
    let paired = |paired: &Paired| json!({ "median": paired.median, "low": paired.low, "high": paired.high });
    let rows = LOADS.iter().enumerate().map(|(load, (name, _))| {
        let (watching, nothing) = judged(off, on, load);
        json!({
            "load": name,
            "off": figure(Figure::of(of(off, load))),
            "on": figure(Figure::of(of(on, load))),
            "cost_per_cent": paired(&watching),
            "off_against_off_per_cent": paired(&nothing),
            "bound_per_cent": BOUND,
            "verdict": watching.verdict(BOUND),
        })
    });
    let all = json!({
        "pairs": off.len(),
        "milliseconds_a_run": loads::TIME.as_millis(),
        "conditions": conditions,
        "loads": rows.collect::<Vec<Value>>(),
    });
    println!("{all:#}");
}
