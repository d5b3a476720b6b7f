//! `netmon plan`: what `netmon up` would do.

use std::io::{Write as _, stdout};

use clap::Args;
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::lab::Lab;

use super::{exit::ExitCode, failure, lab_file::LabFile, output::Format};
use crate::topology;

/// Of which lab, and how it is printed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon plan                      what the built-in lab lacks on this host
  netmon plan -o json my.toml      the same for a file of yours, for a program")]
pub struct Plan {
    #[command(flatten)]
    lab: LabFile,
    /// How the plan is printed.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// A lab file that is no lab, a missing privilege, or a conflict.
pub fn run(args: &Plan) -> anyhow::Result<ExitCode> {
    print(&args.lab.open()?, args.output)
}

/// Prints the plan for `lab`.
///
/// # Errors
///
/// A missing privilege, or a conflict.
pub fn print(lab: &Lab, format: Format) -> anyhow::Result<ExitCode> {
    require(&[Capability::SysAdmin], "looking into namespaces").map_err(failure::of_privilege)?;
    let plan = topology::plan(lab).map_err(failure::of_topology)?;
    match format {
        Format::Table => write!(stdout(), "{plan}")?,
        Format::Json => writeln!(stdout(), "{}", serde_json::to_string_pretty(&plan)?)?,
    }
    Ok(ExitCode::Ok)
}
