//! `netmon doctor`: checks this host, and says what to do about what it finds.

use clap::Args;

use super::{
    exit::ExitCode,
    lab_file::LabFile,
    output::{self, Format},
};
use crate::{
    datapath::memory::MAX_ENDPOINTS,
    doctor::{Scale, examine},
    topology::qdisc_support::{MissingQdisc, missing_for},
};

mod report;

/// For which lab memory is estimated, and how the result is printed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon doctor                     all checks, with memory for the built-in lab
  netmon doctor my.toml             with your lab's memory, and what its impairments need
  netmon doctor --endpoints 2000    with memory for 1,000 links
  netmon doctor -o json             for programs
Exit codes: 0 netmon can run here, 2 the lab file is invalid, 3 something that netmon or the lab
needs is missing.")]
pub struct Doctor {
    #[command(flatten)]
    lab: LabFile,
    /// Estimate memory for this many endpoints, instead of those of a lab.
    #[arg(long, env = "NETMON_ENDPOINTS", value_name = "N", conflicts_with = "file",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_ENDPOINTS)))]
    endpoints: Option<u32>,
    /// Estimate memory for this many connections, as in `netmon run`.
    #[arg(long, env = "NETMON_FLOW_ENTRIES", default_value_t = 65_536, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=4_194_304))]
    flow_entries: u32,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid (exit code 2). Something missing on the host is no error, but exit code 3.
pub fn run(args: &Doctor) -> anyhow::Result<ExitCode> {
    let (scale, lacking) = args.lab()?;
    let diagnosis = examine(scale, &lacking);
    let text = match args.output {
        Format::Table => report::text(&diagnosis),
        Format::Json => serde_json::to_string_pretty(&diagnosis)? + "\n",
    };
    output::print(&text)?;
    Ok(if diagnosis.can_run { ExitCode::Ok } else { ExitCode::Unavailable })
}

impl Doctor {
    /// The size to estimate memory for, and what the lab needs that this kernel lacks.
    fn lab(&self) -> anyhow::Result<(Scale, Vec<MissingQdisc>)> {
        let flow_entries = self.flow_entries;
        if let Some(endpoints) = self.endpoints {
            return Ok((Scale { basis: "--endpoints".to_owned(), endpoints, flow_entries }, Vec::new()));
        }
        let lab = self.lab.open()?;
        Ok((Scale::for_lab(&lab, flow_entries), missing_for(&lab)))
    }
}
