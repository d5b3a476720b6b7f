//! `netmon clean`: lists what dead labs left on this host, and removes it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use netmon_model::names::LabName;
use serde::Serialize;

use super::{
    exit::ExitCode,
    output::{self, Format},
    privileges::require_topology,
};
use crate::{
    leftovers::{Cleaned, Leftovers, Selection, scan},
    render::progress::ProgressLine,
};

pub mod report;

/// What is cleaned up, and whether to ask first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon clean              lists what is left over, and asks
  netmon clean --yes        removes it without asking
  netmon clean direct       the lab of this name, even if it is complete
  netmon clean --all        also complete labs, which `netmon up` made
  netmon clean -o json      only lists, for programs
Exit codes: 0 nothing is left over, 1 something is, 3 a privilege is missing, 4 a lab that was
named is held by a process.")]
pub struct Clean {
    /// Only these labs, even complete ones; without a name, all labs that no process holds and that are
    /// incomplete.
    #[arg(value_name = "LAB")]
    labs: Vec<LabName>,
    /// Also complete labs: those that `netmon up` made to stay.
    #[arg(long, env = "NETMON_ALL")]
    all: bool,
    /// Do not ask.
    #[arg(short, long, env = "NETMON_YES")]
    yes: bool,
    /// Output format of the list.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// What was found and done, for programs.
#[derive(Serialize)]
struct Outcome<'a> {
    #[serde(flatten)]
    found: &'a Leftovers,
    /// Labs that were removed, or whose orphaned filters were.
    cleaned: &'a [LabName],
    /// What could not be removed, and why.
    errors: &'a [String],
}

/// Runs the command.
///
/// # Errors
///
/// Fails if a privilege is missing (exit code 3) or a lab that was named is held (4); or with everything that could
/// not be removed (1).
pub fn run(args: &Clean) -> anyhow::Result<ExitCode> {
    require_topology("netmon clean")?;
    let selection = Selection { labs: args.labs.clone(), complete: args.all };
    let found = selection.restrict(scan())?;
    let has_work = selection.has_work(&found);
    if args.output == Format::Table {
        output::print(&report::text(&found, has_work))?;
    }
    let agreed = has_work && agreed(args)?;
    let Cleaned { labs, errors } =
        if agreed { selection.clean(&found, &ProgressLine::start()) } else { Cleaned::default() };
    if args.output == Format::Json {
        let outcome = Outcome { found: &found, cleaned: &labs, errors: &errors };
        output::print(&(serde_json::to_string_pretty(&outcome)? + "\n"))?;
    }
    if !errors.is_empty() {
        anyhow::bail!("cannot remove everything:\n  {}", errors.join("\n  "));
    }
    Ok(if has_work && !agreed { ExitCode::Failed } else { ExitCode::Ok })
}

/// Returns whether the user agrees: by an option, or on the terminal. Nothing is asked if the output is JSON.
fn agreed(args: &Clean) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if args.output == Format::Json || !stdin.is_terminal() || !stderr.is_terminal() {
        writeln!(stderr, "nothing was removed; `{}` removes it", with_yes(args))?;
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

/// Returns the command that removes what was listed.
fn with_yes(args: &Clean) -> String {
    let labs = args.labs.iter().map(|lab| format!(" {lab}")).collect::<String>();
    format!("netmon clean{labs}{} --yes", if args.all { " --all" } else { "" })
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_removes_names_the_labs_again() {
        let args = |labs: &[&str], all| Clean {
            labs: labs.iter().map(|lab| lab.parse().unwrap()).collect(),
            all,
            yes: false,
            output: Format::Table,
        };
        assert_eq!(with_yes(&args(&[], false)), "netmon clean --yes");
        assert_eq!(with_yes(&args(&["office", "direct"], false)), "netmon clean office direct --yes");
        assert_eq!(with_yes(&args(&[], true)), "netmon clean --all --yes");
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("") && !is_yes("n\n") && !is_yes("yeah, no\n"));
    }
}
