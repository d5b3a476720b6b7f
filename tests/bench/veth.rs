//! What watching costs a veth end to end: one TCP stream, small datagrams, and a ping-pong, with hooks off and on in
//! turn. Programs that do nothing, and programs that only read the clock, are measured as well: no program that watches
//! can cost less.
//!
//! The loads use sockets of this process, so nothing has to be installed. Runs are compared within their round. The
//! difference between the run without hooks and the one of the previous round shows the noise of the machine.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use netmon::{
    datapath::Options,
    ownership::Claim,
    topology::{self, Endpoint},
    watch::Meter,
};
use netmon_kernel::{
    netns::NetNs,
    sys::bpf::{TcxHook, attach_tcx_first, load_classifier},
};
use netmon_model::progress::Silent;
use netmon_tests::labs::{direct, valid};
use serde_json::{Value, json};

use crate::{
    bytecode::{clock, next},
    figures::{Figure, conditions},
    loads::{self, Peer},
    paired::Paired,
};

/// The maximum cost of watching, in per cent.
const BOUND: f64 = 3.0;
/// What is measured, and whether more of it is better.
const LOADS: [(&str, bool); 4] = [
    ("TCP stream, Gbit/s", true),
    ("64-byte UDP, 1,000 packets/s", true),
    ("ping-pong, us", false),
    ("ping-pong of two processors, us", false),
];

/// The programs on the hooks of both ends during a run.
#[derive(Clone, Copy)]
enum Setting {
    Off,
    Empty,
    Clock,
    On,
}

impl Setting {
    const ALL: [Self; 4] = [Self::Off, Self::Empty, Self::Clock, Self::On];
}

/// One run of each load.
type Run = [f64; LOADS.len()];
/// The runs of each setting.
type Runs = [Vec<Run>; Setting::ALL.len()];

/// The endpoints, and the programs that are attached to their hooks.
struct Hooks {
    meter: Meter,
    endpoints: Vec<Endpoint>,
    empty: OwnedFd,
    clock: OwnedFd,
}

impl Hooks {
    /// Attaches the programs of a setting to all hooks, measures, and detaches them.
    fn with(&mut self, setting: Setting, measure: impl Fn() -> Result<Run>) -> Result<Run> {
        match setting {
            Setting::Off => measure(),
            Setting::Empty => self.with_program(&self.empty, measure),
            Setting::Clock => self.with_program(&self.clock, measure),
            Setting::On => {
                self.meter.attach(&self.endpoints)?;
                let run = measure()?;
                self.meter.release().into_iter().next().map_or(Ok(run), |error| Err(error.into()))
            }
        }
    }

    fn with_program(&self, program: &OwnedFd, measure: impl Fn() -> Result<Run>) -> Result<Run> {
        let mut links = Vec::new();
        for end in &self.endpoints {
            for hook in [TcxHook::Ingress, TcxHook::Egress] {
                links.push(end.netns.run(|| attach_tcx_first(program.as_fd(), end.ifindex.0, hook))??);
            }
        }
        let run = measure();
        drop(links);
        run
    }
}

/// Alternates until there are `rounds` runs of each setting.
pub(crate) fn run(rounds: u32, as_json: bool) -> Result<()> {
    let lab = direct();
    let claim = Claim::take(&lab.name)?;
    let mut endpoints: Vec<Endpoint> = Vec::new();
    topology::up(&lab, &claim, &mut endpoints, &Silent)?;
    let mut hooks = Hooks {
        meter: Meter::load(&Options::default())?,
        endpoints,
        empty: load_classifier("empty", &next()).context("the empty program")?,
        clock: load_classifier("clock", &clock()).context("the program that reads the clock")?,
    };
    let inside = NetNs::open(&valid("direct_netns"))?;
    let peer = Peer::new(inside, valid("10.200.0.3"))?;
    // Read before this thread is pinned to one processor, since the processors are counted.
    let conditions = conditions();
    let measure = || -> Result<Run> {
        Ok([peer.stream()?, peer.datagrams()?, peer.ping_pong(false)?, peer.ping_pong(true)?])
    };
    measure().context("the warm-up run")?;
    let mut runs = Runs::default();
    for round in 0..rounds {
        // The order is reversed in every other round, so that a drift of the machine favours none.
        let forth = Setting::ALL.into_iter();
        let order: Vec<Setting> = if round % 2 == 0 { forth.collect() } else { forth.rev().collect() };
        for setting in order {
            runs[setting as usize].push(hooks.with(setting, measure)?);
        }
    }
    if as_json {
        print_json(&runs, &conditions);
    } else {
        print_table(&runs, &conditions);
    }
    drop(hooks);
    Ok(())
}

fn of(runs: &[Run], load: usize) -> Vec<f64> {
    runs.iter().map(|run| run[load]).collect()
}

/// Returns how much worse each run of a load was than the run of the same round without hooks, in per cent.
fn cost(runs: &Runs, setting: Setting, load: usize) -> Paired {
    let (without, with) = (of(&runs[Setting::Off as usize], load), of(&runs[setting as usize], load));
    Paired::of(without.iter().zip(&with).map(|(off, on)| worse(load, *off, *on)).collect())
}

/// Returns how much the runs without hooks differ from one round to the next, in per cent.
fn noise(runs: &Runs, load: usize) -> Paired {
    let without = of(&runs[Setting::Off as usize], load);
    Paired::of(without.windows(2).map(|two| worse(load, two[0], two[1])).collect())
}

fn worse(load: usize, before: f64, after: f64) -> f64 {
    let more = (after - before) / before * 100.0;
    if LOADS[load].1 { -more } else { more }
}

fn print_table(runs: &Runs, conditions: &str) {
    let [off, _, _, on] = runs;
    println!("median of {} runs (lowest to highest)", off.len());
    println!("{:<32} {:>28} {:>28}", "", "hooks off", "hooks on");
    for (load, (name, _)) in LOADS.iter().enumerate() {
        println!("{name:<32} {:>28} {:>28}", Figure::of(of(off, load)), Figure::of(of(on, load)));
    }
    println!();
    println!(
        "what hooks cost, per cent, against none in the same round: median (where it lies with 95 % confidence)"
    );
    let heads = ["empty programs", "clock only", "netmon", "off, against the off before"];
    println!("{:<32} {:>24} {:>24} {:>24} {:>28}", "", heads[0], heads[1], heads[2], heads[3]);
    for (load, (name, _)) in LOADS.iter().enumerate() {
        let [empty, clock, on] = [Setting::Empty, Setting::Clock, Setting::On].map(|of| cost(runs, of, load));
        let (noise, verdict) = (noise(runs, load), on.verdict(BOUND));
        println!("{name:<32} {empty:>24} {clock:>24} {on:>24} {noise:>28}  bound {BOUND}: {verdict}");
    }
    println!("{conditions}");
}

fn print_json(runs: &Runs, conditions: &str) {
    let figure = |setting: Setting, load| {
        let figure = Figure::of(of(&runs[setting as usize], load));
        json!({ "median": figure.median, "lowest": figure.lowest, "highest": figure.highest })
    };
    let paired = |paired: Paired| json!({ "median": paired.median, "low": paired.low, "high": paired.high });
    let rows = LOADS.iter().enumerate().map(|(load, (name, _))| {
        json!({
            "load": name,
            "off": figure(Setting::Off, load),
            "on": figure(Setting::On, load),
            "cost_per_cent": paired(cost(runs, Setting::On, load)),
            "empty_programs_per_cent": paired(cost(runs, Setting::Empty, load)),
            "clock_only_per_cent": paired(cost(runs, Setting::Clock, load)),
            "off_against_off_per_cent": paired(noise(runs, load)),
            "bound_per_cent": BOUND,
            "verdict": cost(runs, Setting::On, load).verdict(BOUND),
        })
    });
    let all = json!({
        "pairs": runs[Setting::Off as usize].len(),
        "milliseconds_a_run": loads::TIME.as_millis(),
        "conditions": conditions,
        "loads": rows.collect::<Vec<Value>>(),
    });
    println!("{all:#}");
}
