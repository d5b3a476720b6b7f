//! `netmon schema`: the lab file's grammar, for editors.

use clap::Args as ClapArgs;
use netmon_labfile;

use super::{exit::ExitCode, output};

/// Nothing to choose.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  netmon schema > netmon.schema.json

and in the first line of a lab file beside it

  #:schema ./netmon.schema.json

which taplo and what is built on it understand (Even Better TOML in VS Code).")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
///
/// When the standard output cannot be written to.
pub fn run() -> anyhow::Result<ExitCode> {
    output::print(&(serde_json::to_string_pretty(&netmon_labfile::json_schema())? + "\n"))?;
    Ok(ExitCode::Ok)
}
