//! `netmon clean`: lists what dead labs left on this host, and removes it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use netmon_kernel::netns::directory;
use netmon_model::{error::chain, names::LabName};
use serde::Serialize;

use super::{
    down,
    exit::ExitCode,
    failure,
    output::{self, Format},
};
use crate::{
    leftovers::{Condition, FoundLab, Leftovers, scan},
    ownership::{OwnershipError, state},
};

pub mod report;

/// What is cleaned up, and whether it is asked first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon clean              lists what is left over, and asks
  netmon clean --yes        removes it without asking
  netmon clean direct       the lab of this name, also one that stands
  netmon clean --all        also labs that `netmon up` made and that are whole
  netmon clean -o json      only lists, for programs
Exit codes: 0 nothing is left over (any more), 1 something is, 3 a privilege is missing, 4 a lab that was
named is held by a process.")]
pub struct Clean {
    /// Only these labs, and these also when they are whole; without one, all that nobody holds and that are
    /// not whole.
    #[arg(value_name = "LAB")]
    labs: Vec<LabName>,
    /// Labs that are whole, too: those that `netmon up` made to stay.
    #[arg(long, env = "NETMON_ALL")]
    all: bool,
    /// Do not ask.
    #[arg(short, long, env = "NETMON_YES")]
    yes: bool,
    /// How the list is printed.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// What was found and done, for programs.
#[derive(Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    found: &'a Leftovers,
    /// Labs that are gone now, or lost their orphaned filters.
    cleaned: &'a [LabName],
    /// What is left, and why.
    errors: &'a [String],
}

/// Runs the command.
///
/// # Errors
///
/// A missing privilege, a lab that was named and is held, or what is left.
pub fn run(args: &Clean) -> anyhow::Result<ExitCode> {
    failure::require_topology("netmon clean")?;
    let mut found = scan();
    if !args.labs.is_empty() {
        found.labs.retain(|lab| args.labs.contains(&lab.lab));
        found.netns_directory = false;
    }
    refuse_held(&found, &args.labs)?;
    let is_work = found.netns_directory || found.labs.iter().any(|lab| args.work_on(lab) != Work::Nothing);
    if args.output == Format::Table {
        output::print(&report::text(&found))?;
    }
    let agreed = is_work && agreed(args)?;
    let (cleaned, errors) = if agreed { args.carry_out(&found) } else { (Vec::new(), Vec::new()) };
    if args.output == Format::Json {
        let outcome = Outcome { found: &found, cleaned: &cleaned, errors: &errors };
        output::print(&(serde_json::to_string_pretty(&outcome)? + "\n"))?;
    }
    if !errors.is_empty() {
        anyhow::bail!("not all of it is gone:\n  {}", errors.join("\n  "));
    }
    Ok(if is_work && !agreed { ExitCode::Failed } else { ExitCode::Ok })
}

/// A lab that was named is wanted gone, so that it stays is an error.
fn refuse_held(found: &Leftovers, named: &[LabName]) -> anyhow::Result<()> {
    for lab in found.labs.iter().filter(|lab| named.contains(&lab.lab)) {
        if let Condition::Held { holder } = &lab.condition {
            let held = OwnershipError::Held { lab: lab.lab.clone(), holder: holder.clone() };
            return Err(failure::of_ownership(held));
        }
    }
    Ok(())
}

/// What is done about a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    /// Filters that nobody reads go, and the lab stays.
    Filters,
    /// All of it goes.
    All,
}

impl Clean {
    fn work_on(&self, lab: &FoundLab) -> Work {
        match lab.condition {
            Condition::Held { .. } => Work::Nothing,
            Condition::Dead { .. } => Work::All,
            Condition::Standing if self.all || self.labs.contains(&lab.lab) => Work::All,
            Condition::Standing if lab.has_orphaned_filters() => Work::Filters,
            Condition::Standing => Work::Nothing,
        }
    }

    /// Cleans up lab after lab. One that cannot be cleaned is told at the end, and stops no other.
    fn carry_out(&self, found: &Leftovers) -> (Vec<LabName>, Vec<String>) {
        let (mut cleaned, mut errors) = (Vec::new(), Vec::new());
        for lab in &found.labs {
            let failed = match self.work_on(lab) {
                Work::Nothing => continue,
                Work::Filters => lab.claim().map(|_claim| lab.remove_filters()),
                Work::All => lab.claim().map(|claim| down::remove(&claim).errors),
            };
            let failed = failed.unwrap_or_else(|error| vec![chain(&error)]);
            if failed.is_empty() {
                log::info!("lab {} is cleaned up", lab.lab);
                cleaned.push(lab.lab.clone());
            }
            errors.extend(failed.into_iter().map(|error| format!("lab {}: {error}", lab.lab)));
        }
        if found.netns_directory {
            errors.extend(directory::restore_if_unused().err().map(|error| chain(&error)));
            // Only when nothing is in it.
            let _ = std::fs::remove_dir(state::RUN_DIRECTORY);
        }
        (cleaned, errors)
    }
}

/// Whether it may be done: said on the command line, or on a terminal when it was asked there. Programs that
/// want JSON are not asked.
fn agreed(args: &Clean) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if args.output == Format::Json || !stdin.is_terminal() || !stderr.is_terminal() {
        writeln!(stderr, "nothing was removed; `netmon clean --yes` removes it")?;
        return Ok(false);
    }
    write!(stderr, "Remove it? [y/N] ")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    let agreed = is_yes(&answer);
    if !agreed {
        writeln!(stderr, "nothing was removed")?;
    }
    Ok(agreed)
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("") && !is_yes("n\n") && !is_yes("yeah, no\n"));
    }
}
