//! `netmon selftest`: checks netmon's numbers on this host against known traffic.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use clap::Args as ClapArgs;
use netmon_kernel::sys::capabilities::{Capability, require};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
};

use super::{
    exit::ExitCode,
    output::{self, Format},
};
use crate::{
    render::progress::ProgressLine,
    selftest::{self, Scorecard},
};

mod report;

/// How the scorecard is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon selftest             prints the scorecard
  netmon selftest -o json     the same, for programs
Exit codes: 0 all within bounds, 1 failed or interrupted, 3 a privilege is missing, 5 out of
bounds.")]
pub struct Args {
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if a privilege is missing, or the measurement cannot be made.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let topology = [Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf];
    let wanted = [&topology[..], &[Capability::NetRaw, Capability::NetBindService]].concat();
    require(&wanted, "netmon selftest")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut measuring = {
        let interrupted = Arc::clone(&interrupted);
        // It blocks: threads that it waits for enter the namespaces.
        spawn_blocking(move || selftest::run(&interrupted, &ProgressLine::start()))
    };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let outcome = loop {
        tokio::select! {
            outcome = &mut measuring => break outcome?,
            _ = interrupt.recv() => interrupted.store(true, Ordering::Relaxed),
            _ = terminate.recv() => interrupted.store(true, Ordering::Relaxed),
        }
    };
    let scorecard = outcome?;
    let text = match args.output {
        Format::Table => report::text(&scorecard),
        Format::Json => serde_json::to_string_pretty(&scorecard)? + "\n",
    };
    output::print(&text)?;
    Ok(verdict(&scorecard))
}

/// The exit code of a selftest that ran.
fn verdict(scorecard: &Scorecard) -> ExitCode {
    if scorecard.within_bounds { ExitCode::Ok } else { ExitCode::Expectation }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::selftest::{Row, scorecard::Unit};

    #[test]
    fn one_wrong_number_among_right_ones_is_exit_code_five() {
        let right = Row::exact("packets: arp", Unit::Count, 50, 50, 50);
        let wrong = Row::exact("packets: sctp", Unit::Count, 50, 49, 50);
        let scorecard = Scorecard::new(vec![right.clone(), wrong], Duration::from_secs(9));
        assert_eq!(verdict(&scorecard), ExitCode::Expectation);
        assert_eq!(verdict(&Scorecard::new(vec![right], Duration::ZERO)), ExitCode::Ok);
    }
}
