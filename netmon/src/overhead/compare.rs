//! The same load with hooks off and on, in turn, and what passed uncounted meanwhile.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use netmon_model::{names::LinkName, progress::Progress};
use serde::Serialize;

use super::{
    Difference, Hooks, OverheadError,
    link::{self, End},
    load::{Load, Run},
    passed::Passed,
};

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The link.
    pub link: LinkName,
    /// The addresses that the load went between, of a and of b.
    pub addresses: [IpAddr; 2],
    /// How many runs there were of each kind.
    pub pairs: u32,
    /// Round trip of a small datagram, nanoseconds.
    pub round_trip_ns: Difference,
    /// Small datagrams from a to b, a second.
    pub packets_per_second: Difference,
    /// What passed while the hooks were off.
    pub uncounted: Uncounted,
    /// Datagrams of the load that passed while the hooks were on, and are counted like any others.
    pub counted_load_packets: u64,
    /// Datagrams of the load that did not arrive.
    pub lost_load_packets: u64,
}

/// What passed while the hooks were off, so that nobody counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Uncounted {
    /// How long that was, in all.
    pub seconds: f64,
    /// Datagrams of the load.
    pub load_packets: u64,
    /// Other packets, by the kernel's counters of both ends.
    pub other_packets: u64,
}

/// Compares, `pairs` times, runs of `time` for each of both measures. `hooks` are on at the end, unless there was
/// an error.
///
/// # Errors
///
/// When the ends do not reach each other over this link, or something fails on the way.
pub fn compare(
    link: &LinkName,
    mut ends: [End; 2],
    hooks: &mut dyn Hooks,
    (pairs, time): (u32, Duration),
    progress: &dyn Progress,
) -> Result<Comparison, OverheadError> {
    let addresses = link::addresses(&ends).ok_or_else(|| OverheadError::NoAddresses(link.clone()))?;
    let mut load = Load::between(link, &ends, addresses)?;
    takes_this_link(link, &mut ends, &mut load)?;
    let mut runs = Runs::default();
    for pair in 0..pairs {
        // Who goes first changes from pair to pair, so that a drift of the machine favours neither.
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
        Difference::of(&off, &on)
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

/// A few round trips, which the kernel must have seen at both ends.
fn takes_this_link(link: &LinkName, ends: &mut [End; 2], load: &mut Load) -> Result<(), OverheadError> {
    let before = Passed::now(ends)?;
    let run = load.run(Duration::from_millis(5))?;
    if Passed::now(ends)?.since(before) < run.sent - run.lost {
        return Err(OverheadError::AnotherWay(link.clone()));
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
    /// A run with hooks off, which are on before and afterwards.
    fn without(
        &mut self,
        ends: &mut [End; 2],
        hooks: &mut dyn Hooks,
        load: &mut Load,
        time: Duration,
    ) -> Result<(), OverheadError> {
        hooks.off()?;
        let (before, begun) = (Passed::now(ends)?, Instant::now());
        let run = load.run(time)?;
        let passed = Passed::now(ends)?.since(before);
        hooks.on()?;
        self.uncounted.seconds += begun.elapsed().as_secs_f64();
        self.uncounted.load_packets += run.sent;
        // A queue before the kernel's counter may have kept some of the load.
        self.uncounted.other_packets += passed.saturating_sub(run.sent);
        self.off.push(run);
        Ok(())
    }
}
