//! Nanoseconds a packet by `BPF_PROG_TEST_RUN`, dispatcher included, against two references: a program that
//! does nothing, and one that reads the clock once.
//!
//! What runs ahead of our programs (the peer's stamp, the next sequence number) is measured by itself in the
//! same round, and subtracted. Rounds are interleaved, and each packet has runs of both references right before its own:
//! a machine that slows down slows all of it, and the difference to the clock is one of neighbours. The lowest of the
//! rounds is what it costs undisturbed. Where the reference itself moved, the table says so.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result};
use netmon::{datapath::Options, watch::Meter};
use netmon_kernel::sys::{
    bpf::{load_classifier, test_run},
    insn::Instruction,
};
use netmon_model::names::Direction;
use netmon_tests::{pair::pair, stamped::stamped_by};
use serde_json::{Value, json};

use crate::{
    bytecode::{clock, next},
    endpoints,
    figures::{Figure, conditions},
    packets::{Case, all},
    tracing,
};

const ROUNDS: usize = 9;
const REPEAT: u32 = 200_000;
/// A median of the clock this much above its lowest round means that the machine was disturbed.
const MOVED: f64 = 1.1;

/// The table of conversations over UDP where these are followed.
const UDP_FLOWS: u32 = 65_536;

/// What is measured: a case at a hook, with round trips, or conversations over UDP, followed or not.
struct Subject {
    case: usize,
    hook: Direction,
    flows: bool,
    program: OwnedFd,
    /// What runs ahead, by itself.
    ahead: Option<OwnedFd>,
    runs_ns: Vec<f64>,
    /// How much each run took more than the clock right before it.
    above_clock_ns: Vec<f64>,
}

pub(crate) fn run(as_json: bool) -> Result<()> {
    let ends = pair();
    let mut meters = Vec::new();
    for options in [
        Options::default(),
        Options { udp_flows: UDP_FLOWS, ..Options::default() },
        Options { flow_entries: 0, ..Options::default() },
    ] {
        let mut meter = Meter::load(&options)?;
        meter.attach(&ends)?;
        meters.push((options, meter));
    }
    let features = meters[0].1.features();
    let cases = all(features);
    let mut subjects = Vec::new();
    for (options, meter) in &meters {
        subjects.extend(prepare(meter, &cases, options)?);
    }
    // With flows and without, one right after the other: they are compared.
    subjects.sort_by_key(|subject| subject.case);
    let empty = load_classifier("empty", &next()).context("the empty program")?;
    let clock = load_classifier("clock", &clock()).context("the program that reads the clock")?;
    let (mut empty_ns, mut clock_ns) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u32 {
        for subject in &mut subjects {
            let frame = &cases[subject.case].frame_after(round * REPEAT);
            let nothing = time(&empty, frame)?;
            let only_clock = time(&clock, frame)?;
            let ahead = subject.ahead.as_ref().map_or(Ok(nothing), |ahead| time(ahead, frame))?;
            let cost = time(&subject.program, frame)? - (ahead - nothing);
            empty_ns.push(nothing);
            clock_ns.push(only_clock);
            subject.runs_ns.push(cost);
            subject.above_clock_ns.push(cost - only_clock);
        }
    }
    let references = (Figure::of(empty_ns), Figure::of(clock_ns));
    let by_endpoints = endpoints::measure()?;
    // The hooks of the pair are taken off before others are measured on it.
    drop(meters);
    let by_tracing = tracing::measure(&ends)?;
    if as_json {
        print_json(&cases, &subjects, references, &by_endpoints, &by_tracing);
    } else {
        print_table(&cases, &subjects, references);
        endpoints::print_table(&by_endpoints);
        tracing::print_table(&by_tracing);
        println!("{}", conditions());
    }
    Ok(())
}

/// The subjects of one datapath, with what they find when they run.
fn prepare(meter: &Meter, cases: &[Case], options: &Options) -> Result<Vec<Subject>> {
    let link = meter.inventory().links().next().context("no link is watched")?;
    let (id, peer) = (link.a.id, link.b.context("the link has one end")?.id);
    let flows = options.flow_entries > 0;
    // Each case with what follows it, and without anything that follows.
    let is_wanted = |(_, case): &(usize, &Case)| !flows || case.udp_flow == (options.udp_flows > 0);
    let mut subjects = Vec::new();
    for (index, case) in cases.iter().enumerate().filter(is_wanted) {
        for hook in Direction::BOTH {
            let mut before: Vec<Instruction> = case.advance();
            if hook == Direction::Ingress && case.stamped {
                before.extend(stamped_by(peer));
            }
            let ahead = (!before.is_empty())
                .then(|| load_classifier("ahead", &[before.clone(), next()].concat()))
                .transpose()
                .with_context(|| format!("what runs ahead of {}", case.name))?;
            let program = meter.datapath().dispatcher(id, hook, &before)?;
            subjects.push(Subject {
                case: index,
                hook,
                flows,
                program,
                ahead,
                runs_ns: Vec::new(),
                above_clock_ns: Vec::new(),
            });
        }
    }
    Ok(subjects)
}

fn time(program: &OwnedFd, frame: &[u8]) -> Result<f64> {
    let (_, duration) = test_run(program, frame, REPEAT).context("BPF_PROG_TEST_RUN")?;
    Ok(duration.as_secs_f64() * 1e9)
}

fn print_table(cases: &[Case], subjects: &[Subject], (empty, clock): (Figure, Figure)) {
    println!("ns a packet, median of {ROUNDS} rounds of {REPEAT} (lowest to highest)");
    let header = ["", "", "flows on", "flows off", "above the clock", "x clock", "bound"];
    let [packet, hook, on, off, above, times, bound] = header;
    println!("{packet:<16} {hook:<8} {on:>24} {off:>24} {above:>24} {times:>7} {bound:>6}");
    println!("{:<16} {:<8} {empty:>24}", "empty program", "");
    println!("{:<16} {:<8} {clock:>24} {:>24} {:>24} {:>7.2}", "clock only", "", "", "", 1.0);
    for subject in subjects.iter().filter(|subject| subject.flows) {
        print_row(&cases[subject.case], subject, without_flows(subjects, subject), (empty, clock));
    }
    if clock.median > clock.lowest * MOVED {
        println!(
            "The clock alone moved by {:.0} %, so the machine was disturbed: compare the lowest of the rounds.",
            (clock.median / clock.lowest - 1.0) * 100.0
        );
    }
}

fn print_row(case: &Case, subject: &Subject, off: Figure, (empty, clock): (Figure, Figure)) {
    let on = Figure::of(subject.runs_ns.clone());
    let above = Figure::of(subject.above_clock_ns.clone());
    let bound = case.bound.ns(empty.median, clock.median);
    let held = if on.median <= bound { "held" } else { "NOT held" };
    println!(
        "{:<16} {:<8} {on:>24} {off:>24} {above:>24} {:>7.2} {bound:>6.1} {held}",
        case.name,
        subject.hook.to_string(),
        on.median / clock.median
    );
}

fn without_flows(subjects: &[Subject], of: &Subject) -> Figure {
    let same = |other: &&Subject| !other.flows && other.case == of.case && other.hook == of.hook;
    Figure::of(subjects.iter().find(same).map_or_else(|| vec![f64::NAN], |off| off.runs_ns.clone()))
}

fn print_json(
    cases: &[Case],
    subjects: &[Subject],
    (empty, clock): (Figure, Figure),
    by_endpoints: &[endpoints::Row],
    by_tracing: &[tracing::Row],
) {
    let rows: Vec<Value> = subjects
        .iter()
        .map(|subject| {
            let case = &cases[subject.case];
            json!({
                "packet": case.name,
                "hook": subject.hook.to_string(),
                "flows": subject.flows,
                "cost": Figure::of(subject.runs_ns.clone()).json_ns(),
                "above_clock": Figure::of(subject.above_clock_ns.clone()).json_ns(),
                "bound_ns": case.bound.ns(empty.median, clock.median),
            })
        })
        .collect();
    let all = json!({
        "rounds": ROUNDS,
        "repeat": REPEAT,
        "conditions": conditions(),
        "empty": empty.json_ns(),
        "clock": clock.json_ns(),
        "packets": rows,
        "endpoints": endpoints::json(by_endpoints),
        "tracing": tracing::json(by_tracing),
    });
    println!("{all:#}");
}
