//! Runs the same load with hooks detached and attached, in turn, and counts what passed while they were detached.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use netmon_model::{names::LinkName, progress::Progress};
use serde::Serialize;

use super::{
    Difference, HookControl, OverheadError,
    kernel_packets::KernelPackets,
    link::{self, End},
    load::{Load, Run},
};

/// The result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The name of the link.
    pub link: LinkName,
    /// The addresses of the load, of a and of b.
    pub addresses: [IpAddr; 2],
    /// Number of runs of each kind.
    pub pairs: u32,
    /// Round trip of a small datagram, nanoseconds.
    pub round_trip_ns: Difference,
    /// Small datagrams from a to b, per second.
    pub packets_per_second: Difference,
    /// What passed while the hooks were detached.
    pub uncounted: Uncounted,
    /// Datagrams of the load that passed while the hooks were attached. They are in the counters like any others.
    pub counted_load_packets: u64,
    /// Datagrams of the load that did not arrive.
    pub lost_load_packets: u64,
}

/// What passed while the hooks were detached, and is in no counter of netmon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Uncounted {
    /// How long the hooks were detached, in total.
    pub seconds: f64,
    /// Datagrams of the load.
    pub load_packets: u64,
    /// Other packets, by the kernel's counters at both ends.
    pub other_packets: u64,
}

/// Makes `pairs` pairs of runs, one with hooks and one without, each of `time` for each of the two measurements.
///
/// The hooks are attached at the end, unless there was an error.
///
/// # Errors
///
/// Fails if the ends do not reach each other over this link, or if the load or the hooks fail.
pub fn compare(
    link: &LinkName,
    mut ends: [End; 2],
    hooks: &mut dyn HookControl,
    (pairs, time): (u32, Duration),
    progress: &dyn Progress,
) -> Result<Comparison, OverheadError> {
    let addresses = link::addresses(&ends).ok_or_else(|| OverheadError::NoAddresses(link.clone()))?;
    let mut load = Load::open(link, &ends, addresses)?;
    check_path(link, &mut ends, &mut load)?;
    let mut runs = Runs::default();
    for pair in 0..pairs {
        // The order alternates from pair to pair, so that a drift of the host favours neither kind.
        for turn in 0..2 {
            if (pair + turn) % 2 == 0 {
                runs.without(&mut ends, hooks, &mut load, time)?;
            } else {
                runs.on.push(load.run(time)?);
            }
            progress.at("runs", (2 * pair + turn + 1) as usize, 2 * pairs as usize);
        }
    }
    let of = |pick: fn(&Run) -> f64| {
        let [off, on] = [&runs.off, &runs.on].map(|runs| runs.iter().map(pick).collect::<Vec<_>>());
        Difference::from_runs(&off, &on)
    };
    Ok(Comparison {
        link: link.clone(),
        addresses: addresses.map(|address| address.ip()),
        pairs,
        round_trip_ns: of(|run| run.round_trip_ns),
        packets_per_second: of(|run| run.packets_per_second),
        uncounted: runs.uncounted,
        counted_load_packets: load.sent() - runs.uncounted.load_packets,
        lost_load_packets: runs.off.iter().chain(&runs.on).map(|run| run.lost).sum(),
    })
}

/// Checks that the load takes this link: the kernel must count a few round trips at both ends.
fn check_path(link: &LinkName, ends: &mut [End; 2], load: &mut Load) -> Result<(), OverheadError> {
    let before = KernelPackets::read(ends)?;
    let run = load.run(Duration::from_millis(5))?;
    if KernelPackets::read(ends)?.since(before) < run.sent - run.lost {
        return Err(OverheadError::AnotherPath(link.clone()));
    }
    Ok(())
}

#[derive(Default)]
struct Runs {
    off: Vec<Run>,
    on: Vec<Run>,
    uncounted: Uncounted,
}

impl Runs {
    /// Makes a run with hooks detached. They are attached before and afterwards.
    fn without(
        &mut self,
        ends: &mut [End; 2],
        hooks: &mut dyn HookControl,
        load: &mut Load,
        time: Duration,
    ) -> Result<(), OverheadError> {
        hooks.detach()?;
        let (before, begun) = (KernelPackets::read(ends)?, Instant::now());
        let run = load.run(time)?;
        let passed = KernelPackets::read(ends)?.since(before);
        hooks.attach()?;
        self.uncounted.seconds += begun.elapsed().as_secs_f64();
        self.uncounted.load_packets += run.sent;
        // A queue in front of the kernel's counter may have dropped some of the load.
        self.uncounted.other_packets += passed.saturating_sub(run.sent);
        self.off.push(run);
        Ok(())
    }
}
