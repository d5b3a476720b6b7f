//! What the tracing programs cost a packet: of an interface that is watched, and of any other one of the host.
//!
//! `BPF_PROG_TEST_RUN` has no tracepoints, so packets are sent over a pair, and the kernel accounts the runs
//! (`kernel.bpf_stats_enabled`). The accounting is part of each figure, and so are cold caches. Beside them are an empty
//! program at one of the tracepoints, and the hooks of the same pair under the same packets.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};
use netmon::{
    datapath::{Datapath, Options, TracedTarget, TracingDepth},
    topology::Endpoint,
    watch::Meter,
};
use netmon_kernel::sys::{
    bpf_info::{program_runs, record_run_time},
    insn::{Register::R0, exit, mov64_imm},
    packet_socket::PacketSocket,
    raw_tracepoint,
};
use netmon_model::{
    cost::ProgramRuns,
    names::{EndpointId, InterfaceId},
};
use netmon_tests::pair::{pair, set_up};
use serde_json::{Value, json};

use crate::{
    figures::{Figure, conditions},
    packets::{Case, all},
};

const ROUNDS: usize = 5;
const PACKETS: u32 = 50_000;
/// What is sent, by the names of the packets.
const SENT: [&str; 3] = ["UDP, 64 bytes", "TCP data", "ICMP echo"];

/// What one program costs one kind of packet.
pub(crate) struct Row {
    packet: &'static str,
    setting: &'static str,
    program: String,
    cost: Figure,
}

/// What runs meanwhile.
enum Running {
    Empty { program: OwnedFd, _link: OwnedFd, _stats: OwnedFd },
    Tracing(Box<Datapath>),
    Hooks(Box<Meter>),
}

impl Running {
    /// Returns the runs and nanoseconds so far, by program.
    fn runs(&mut self) -> Result<BTreeMap<String, (u64, u64)>> {
        let programs = match self {
            Self::Empty { program, .. } => {
                let (runs, run_ns) = program_runs(program)?;
                return Ok(BTreeMap::from([("empty".to_owned(), (runs, run_ns))]));
            }
            Self::Tracing(datapath) => datapath.counts()?.cost.programs,
            Self::Hooks(meter) => meter.counts()?.cost.programs,
        };
        let of = |one: ProgramRuns| (one.program.to_owned(), (one.runs, one.run_ns));
        Ok(programs.context("run times are recorded")?.into_iter().map(of).collect())
    }
}

/// Measures and prints these rows alone.
pub(crate) fn run() -> Result<()> {
    print_table(&measure(&pair())?);
    println!("{}", conditions());
    Ok(())
}

/// Measures every setting on a pair, which is set up for it.
pub(crate) fn measure(ends: &[Endpoint; 2]) -> Result<Vec<Row>> {
    set_up();
    let socket = PacketSocket::open(ends[0].ifindex.0).context("a socket on the pair")?;
    let cases = all(netmon_model::snapshot::Features {
        mode: netmon_model::snapshot::AttachMode::Tracing,
        packet_stamp: false,
    });
    let mut rows = Vec::new();
    for setting in [
        "empty program",
        "not watched",
        "counted",
        "watched",
        "watched, flows off",
        "hooks",
        "hooks, flows off",
    ] {
        let mut running = start(setting, ends)?;
        for case in cases.iter().filter(|case| SENT.contains(&case.name)) {
            rows.extend(of_case(&mut running, setting, case, &socket)?);
        }
    }
    Ok(rows)
}

fn start(setting: &'static str, ends: &[Endpoint; 2]) -> Result<Running> {
    let flow_entries = if setting.ends_with("off") { 0 } else { Options::default().flow_entries };
    let options = Options { flow_entries, run_time: true, ..Options::default() };
    if setting == "empty program" {
        let program = raw_tracepoint::load("empty", &[mov64_imm(R0, 0), exit()])?;
        let link = raw_tracepoint::attach(program.as_fd(), c"net_dev_start_xmit")?;
        return Ok(Running::Empty { program, _link: link, _stats: record_run_time()? });
    }
    if setting.starts_with("hooks") {
        let mut meter = Meter::load(&options)?;
        meter.attach(ends)?;
        return Ok(Running::Hooks(Box::new(meter)));
    }
    let depth = if setting == "counted" { TracingDepth::Count } else { TracingDepth::Full };
    let mut datapath = Datapath::load(&Options { tracing: Some(depth), ..options })?;
    if setting != "not watched" {
        let target = |of: usize| TracedTarget {
            id: EndpointId(of as u32),
            at: InterfaceId { netns: ends[of].cookie, ifindex: ends[of].ifindex },
            peer: Some(EndpointId(1 - of as u32)),
        };
        datapath.watch(&[target(0), target(1)])?;
    }
    Ok(Running::Tracing(Box::new(datapath)))
}

fn of_case(
    running: &mut Running,
    setting: &'static str,
    case: &Case,
    socket: &PacketSocket,
) -> Result<Vec<Row>> {
    let mut costs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..ROUNDS as u32 {
        let before = running.runs()?;
        for packet in 0..PACKETS {
            socket.send(&case.frame_after(round * PACKETS + packet)).context("sending a packet")?;
        }
        for (program, (runs, run_ns)) in running.runs()? {
            let (runs_before, ns_before) = before.get(&program).copied().unwrap_or_default();
            // A program that is not at this packet's tracepoints, such as that of drops.
            if runs - runs_before >= u64::from(PACKETS) / 2 {
                let cost = (run_ns - ns_before) as f64 / (runs - runs_before) as f64;
                costs.entry(program).or_default().push(cost);
            }
        }
    }
    let row = |(program, costs)| Row { packet: case.name, setting, program, cost: Figure::of(costs) };
    Ok(costs.into_iter().map(row).collect())
}

pub(crate) fn print_table(rows: &[Row]) {
    println!();
    println!(
        "ns a run as the kernel accounts it, median of {ROUNDS} rounds of {PACKETS} packets over a pair (lowest to highest)"
    );
    println!("{:<20} {:<18} {:<16} {:>24}", "programs", "packet", "program", "");
    for Row { packet, setting, program, cost } in rows {
        println!("{setting:<20} {packet:<18} {program:<16} {cost:>24}");
    }
}

pub(crate) fn json(rows: &[Row]) -> Value {
    let of = |row: &Row| {
        json!({
            "packet": row.packet,
            "setting": row.setting,
            "program": row.program,
            "cost": row.cost.json_ns(),
        })
    };
    rows.iter().map(of).collect()
}
