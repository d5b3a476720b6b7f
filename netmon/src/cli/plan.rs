//! `netmon plan`: prints what `netmon up` would do.

use clap::Args;
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::lab::Lab;

use super::{
    exit::ExitCode,
    lab_file::LabFile,
    output::{self, Format},
};
use crate::topology;

/// The plan of which lab, and how it is printed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon plan                      what is missing of the built-in lab on this host
  netmon plan -o json my.toml      the same for your lab file, for a program")]
pub struct Plan {
    #[command(flatten)]
    lab: LabFile,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid (exit code 2), a privilege is missing (3), or there is a conflict (4).
pub fn run(args: &Plan) -> anyhow::Result<ExitCode> {
    print(&args.lab.open()?, args.output)
}

/// Prints the plan for `lab`.
///
/// # Errors
///
/// Fails if a privilege is missing (exit code 3) or there is a conflict (4).
pub fn print(lab: &Lab, format: Format) -> anyhow::Result<ExitCode> {
    require(&[Capability::SysAdmin], "reading namespaces")?;
    let plan = topology::plan(lab)?;
    let text = match format {
        Format::Table => plan.to_string(),
        Format::Json => serde_json::to_string_pretty(&plan)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}
