//! Whether a packet costs more when more endpoints are watched: one, a hundred, two thousand.
//!
//! The same programs over the same frame, in three datapaths that watch 2, 100 and 2,000 endpoints (they come
//! in pairs). In the first rows one endpoint's packet is run over and over, and what is compared is the path
//! through the maps. In the last ones each run is a call of its own, and the endpoint is the same or another
//! one each time, in turn: with many of them neither dispatcher nor counters are in the processor's caches
//! when a packet comes, as on a machine whose links are all busy. Between two calls the way through the system
//! call wears on the caches, too, so only these two rows may be compared with each other.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result};
use netmon::{datapath::Options, topology::Endpoint, watch::Meter};
use netmon_kernel::sys::{
    bpf::{load_classifier, test_run},
    insn::Instruction,
};
use netmon_model::names::{Direction, EndpointId};
use netmon_tests::{pair::pairs, stamped::stamped_by};
use serde_json::{Value, json};

use crate::{
    bytecode::next,
    figures::Figure,
    packets::{Case, all},
};

/// How many endpoints are watched.
const WATCHED: [usize; 3] = [2, 100, 2000];
const ROUNDS: usize = 9;
const REPEAT: u32 = 200_000;
/// Single calls a round.
const CALLS: usize = 10_000;
/// What is run over and over, by the names of the packets.
const PACKETS: [&str; 2] = ["UDP, 64 bytes", "TCP data"];
/// What is run in single calls.
const SINGLE: &str = "UDP, 64 bytes";

/// What one kind of packet costs, by the number of endpoints.
pub(crate) struct Row {
    what: String,
    costs: [Figure; WATCHED.len()],
}

/// What is run.
enum Subject {
    /// One program, over and over; what runs ahead of it, by itself.
    Repeated { program: OwnedFd, ahead: OwnedFd },
    /// A call each.
    Single(Vec<OwnedFd>),
}

/// A subject in each of the datapaths, and what it took there.
struct Subjects<'c> {
    what: String,
    case: &'c Case,
    of: Vec<Subject>,
    runs_ns: [Vec<f64>; WATCHED.len()],
}

/// Measures all of it, rounds interleaved.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let ends = pairs(WATCHED[WATCHED.len() - 1] / 2);
    let watching = WATCHED.iter().map(|count| watch(&ends[..*count])).collect::<Result<Vec<_>>>()?;
    let cases = all(watching[0].0.features());
    let mut subjects = Vec::new();
    for case in cases.iter().filter(|case| PACKETS.contains(&case.name)) {
        for hook in Direction::BOTH {
            subjects.push(repeated(&watching, case, hook)?);
        }
    }
    let single = cases.iter().find(|case| case.name == SINGLE).context("a packet for single calls")?;
    subjects.extend([singly(&watching, single, false)?, singly(&watching, single, true)?]);
    let empty = load_classifier("empty", &next()).context("the empty program")?;
    for round in 0..ROUNDS as u32 {
        for subject in &mut subjects {
            let frame = subject.case.frame_after(round * REPEAT);
            for (datapath, runs_ns) in subject.runs_ns.iter_mut().enumerate() {
                runs_ns.push(time(&subject.of[datapath], &frame, &empty)?);
            }
        }
    }
    let row = |one: Subjects<'_>| Row { what: one.what, costs: one.runs_ns.map(Figure::of) };
    Ok(subjects.into_iter().map(row).collect())
}

/// A meter that watches these, and their numbers.
fn watch(ends: &[Endpoint]) -> Result<(Meter, Vec<EndpointId>)> {
    let mut meter = Meter::load(&Options::default())?;
    meter.attach(ends)?;
    let links = meter.inventory().links();
    let ids = links.flat_map(|link| link.ends().map(|end| end.id)).collect();
    Ok((meter, ids))
}

/// One endpoint's program in each datapath: the first one's, which was there before all others.
fn repeated<'c>(
    watching: &[(Meter, Vec<EndpointId>)],
    case: &'c Case,
    hook: Direction,
) -> Result<Subjects<'c>> {
    let mut before: Vec<Instruction> = case.advance();
    if hook == Direction::Ingress && case.stamped {
        // The same in each datapath: the second end of the first link.
        before.extend(stamped_by(watching[0].1[1]));
    }
    let of = watching.iter().map(|(meter, ids)| {
        let program = meter.datapath().dispatcher(ids[0], hook, &before)?;
        let ahead =
            load_classifier("ahead", &[before.clone(), next()].concat()).context("what runs ahead")?;
        Ok(Subject::Repeated { program, ahead })
    });
    let what = format!("{}, {hook}", case.name);
    Ok(Subjects { what, case, of: of.collect::<Result<_>>()?, runs_ns: Default::default() })
}

/// The programs of all endpoints of each datapath, or of one as often.
fn singly<'c>(watching: &[(Meter, Vec<EndpointId>)], case: &'c Case, in_turn: bool) -> Result<Subjects<'c>> {
    let of = watching.iter().map(|(meter, ids)| {
        let ids = if in_turn { &ids[..] } else { &ids[..1] };
        let programs = ids.iter().map(|id| meter.datapath().dispatcher(*id, Direction::Egress, &[]));
        Ok(Subject::Single(programs.collect::<Result<_, _>>()?))
    });
    let what = format!("one by one, {}", if in_turn { "all in turn" } else { "one endpoint" });
    Ok(Subjects { what, case, of: of.collect::<Result<_>>()?, runs_ns: Default::default() })
}

fn time(subject: &Subject, frame: &[u8], empty: &OwnedFd) -> Result<f64> {
    let run = |program, repeat| -> Result<f64> {
        let (_, duration) = test_run(program, frame, repeat).context("BPF_PROG_TEST_RUN")?;
        Ok(duration.as_secs_f64() * 1e9)
    };
    match subject {
        Subject::Repeated { program, ahead } => {
            Ok(run(program, REPEAT)? - (run(ahead, REPEAT)? - run(empty, REPEAT)?))
        }
        Subject::Single(programs) => {
            let runs = programs.iter().cycle().take(CALLS).map(|program| run(program, 1));
            // The median: what interrupts a call has nothing to do with it.
            Ok(Figure::of(runs.collect::<Result<_>>()?).median)
        }
    }
}

pub(crate) fn print_table(rows: &[Row]) {
    println!();
    println!("ns a packet by the number of endpoints watched, median of {ROUNDS} rounds (lowest to highest)");
    println!("{:<30} {:>24} {:>24} {:>24}", "", WATCHED[0], WATCHED[1], WATCHED[2]);
    for Row { what, costs: [few, some, many] } in rows {
        println!("{what:<30} {few:>24} {some:>24} {many:>24}");
    }
}

pub(crate) fn json(rows: &[Row]) -> Value {
    let costs = |row: &Row| {
        let of = WATCHED.iter().zip(row.costs);
        of.map(|(watched, cost)| json!({ "endpoints": watched, "cost": cost.json_ns() })).collect::<Vec<_>>()
    };
    rows.iter().map(|row| json!({ "packet": row.what, "costs": costs(row) })).collect()
}
