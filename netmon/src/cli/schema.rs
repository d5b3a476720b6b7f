//! `netmon schema`: prints the grammar of the lab file, for editors.

use clap::Args as ClapArgs;
use netmon_labfile;

use super::{exit::ExitCode, output};

/// No arguments.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  netmon schema > netmon.schema.json

Then begin a lab file in the same directory with

  #:schema ./netmon.schema.json

which taplo reads, and editors that use it (Even Better TOML in VS Code).")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
///
/// Fails if standard output cannot be written to.
pub fn run() -> anyhow::Result<ExitCode> {
    output::print(&(serde_json::to_string_pretty(&netmon_labfile::json_schema())? + "\n"))?;
    Ok(ExitCode::Ok)
}
