//! `netmon selftest`: whether the numbers are true on this machine.

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
    failure,
    output::{self, Format},
};
use crate::{
    render::progress::ProgressLine,
    selftest::{self, Scorecard, SelftestError},
};

mod report;

/// How the card is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon selftest             the accuracy card
  netmon selftest -o json     the same for programs
Exit codes: 0 all within bounds, 3 a privilege is missing, 5 out of bounds.")]
pub struct Args {
    /// How to print.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// When it cannot be measured, or a privilege is missing.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let wanted = [Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf, Capability::NetRaw];
    require(&wanted, "netmon selftest").map_err(failure::of_privilege)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut measuring = {
        let interrupted = Arc::clone(&interrupted);
        // Namespaces are entered on threads of their own, which this one waits for.
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
    let card = outcome.map_err(|error| match error {
        SelftestError::Topology(error) => failure::of_topology(error),
        other => other.into(),
    })?;
    let text = match args.output {
        Format::Table => report::text(&card),
        Format::Json => serde_json::to_string_pretty(&card)? + "\n",
    };
    output::print(&text)?;
    Ok(verdict(&card))
}

/// What a script is told.
fn verdict(card: &Scorecard) -> ExitCode {
    if card.within_bounds { ExitCode::Ok } else { ExitCode::Expectation }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::selftest::{Row, scorecard::Unit};

    #[test]
    fn one_wrong_number_among_right_ones_is_exit_code_five_and_is_shown() {
        let right = Row::exact("packets: arp", Unit::Count, 50, 50, 50);
        let wrong = Row::exact("packets: sctp", Unit::Count, 50, 49, 50);
        let card = Scorecard::new(vec![right.clone(), wrong], Duration::from_secs(9));
        assert_eq!(verdict(&card), ExitCode::Expectation);
        let text = report::text(&card);
        let line = |what: &str| text.lines().find(|line| line.starts_with(what)).unwrap().to_owned();
        assert!(line("packets: sctp").ends_with("OUT OF BOUNDS"), "{text}");
        assert!(!line("packets: arp").contains("OUT"), "{text}");
        assert!(text.contains("1 of 2 measures are out of bounds"), "{text}");
        assert_eq!(verdict(&Scorecard::new(vec![right], Duration::ZERO)), ExitCode::Ok);
    }
}
