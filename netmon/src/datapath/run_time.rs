//! Runs and run time of the programs, recorded while the kernel's run-time statistics are enabled.
//!
//! The kernel accounts a run, including all programs that are jumped to, to the program that it called itself. So the
//! figures belong to the dispatchers, one for each attachment. They are summed by hook, and the sum includes former
//! attachments.

use std::os::fd::{AsFd, OwnedFd};

use netmon_ebpf::record::Tally;
use netmon_kernel::sys::bpf_info::{program_runs, record_run_time};
use netmon_model::{by::Hooks, cost::ProgramRuns};

use super::{
    DatapathError, dispatcher, endpoint::Endpoint, object::Object, tallies::Tallies, tracing::Tracing,
};

/// The program at the kernel's tracepoint of drops.
const DROP: &str = "netmon_drop";

/// The tallies of former attachments: runs and nanoseconds.
const GONE: Hooks<(Tally, Tally)> = Hooks {
    ingress: (Tally::GoneIngressRuns, Tally::GoneIngressNs),
    egress: (Tally::GoneEgressRuns, Tally::GoneEgressNs),
};

/// Keeps the kernel's run-time statistics enabled until it is dropped.
pub(super) struct RunTime {
    _kept: OwnedFd,
}

impl RunTime {
    pub(super) fn start() -> Result<Self, DatapathError> {
        let kept = record_run_time().map_err(DatapathError::RunTime)?;
        Ok(Self { _kept: kept })
    }

    /// Adds the figures of an end, whose programs are about to be detached, to the tallies.
    pub(super) fn retire(end: &mut Endpoint, gone: &mut Tallies) -> Result<(), DatapathError> {
        let Some(programs) = end.programs.take() else { return Ok(()) };
        for (program, (runs, ns)) in programs.iter().zip(GONE) {
            let (more_runs, more_ns) = program_runs(program).map_err(DatapathError::Accounts)?;
            gone.add(runs, more_runs)?;
            gone.add(ns, more_ns)?;
        }
        Ok(())
    }

    /// Returns the figures so far, by program.
    pub(super) fn read<'a>(
        ends: impl Iterator<Item = &'a Endpoint>,
        object: &Object,
    ) -> Result<Vec<ProgramRuns>, DatapathError> {
        let tallies = &object.tallies;
        let mut sums = Hooks::from_fn(|direction| ProgramRuns {
            program: dispatcher::name(direction),
            ..ProgramRuns::default()
        });
        for (sum, (runs, ns)) in sums.iter_mut().zip(GONE) {
            (sum.runs, sum.run_ns) = (tallies.get(runs)?, tallies.get(ns)?);
        }
        for programs in ends.filter_map(|end| end.programs.as_ref()) {
            add(&mut sums, programs)?;
        }
        let mut all: Vec<_> = sums.into_iter().collect();
        // It is not loaded if the kernel reports no drop reasons.
        if let Some(drops) = &object.drops {
            let mut runs = ProgramRuns { program: DROP, ..ProgramRuns::default() };
            add_one(&mut runs, drops.dispatcher())?;
            all.push(runs);
        }
        for (program, fd) in object.tracing.iter().flat_map(Tracing::programs) {
            let mut runs = ProgramRuns { program, ..ProgramRuns::default() };
            add_one(&mut runs, fd)?;
            all.push(runs);
        }
        Ok(all)
    }
}

fn add(sums: &mut Hooks<ProgramRuns>, programs: &Hooks<OwnedFd>) -> Result<(), DatapathError> {
    sums.iter_mut().zip(programs.iter()).try_for_each(|(sum, program)| add_one(sum, program))
}

fn add_one(sum: &mut ProgramRuns, program: impl AsFd) -> Result<(), DatapathError> {
    let (runs, run_ns) = program_runs(program).map_err(DatapathError::Accounts)?;
    sum.runs += runs;
    sum.run_ns += run_ns;
    Ok(())
}
