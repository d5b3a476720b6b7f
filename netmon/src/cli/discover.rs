//! `netmon discover`: lists the network namespaces of this host and the links between them.

use std::time::Duration;

use clap::Args as ClapArgs;
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::survey::{Change, Survey};

use super::{
    exit::ExitCode,
    output::{self, Format},
    selecting::Selecting,
};
use crate::{
    discover::{Discovery, Selection, survey},
    render::discovered,
};

/// How long the listing waits for changes before it waits again.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What is listed, and how.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon discover                               every link of the host between two namespaces
  netmon discover --all                         namespaces without links, too
  netmon discover --follow                      and what appears, changes and disappears from now on
  netmon discover --include runtime=docker      links of Docker's containers
  netmon discover --exclude 'kube-system.*'     all but those of a Kubernetes namespace
  netmon discover --include label=com.docker.compose.project=shop
  netmon discover -o json                       all that is known, for programs

A filter is netns=PATTERN, interface=PATTERN, runtime=PATTERN or label=KEY=PATTERN, or PATTERN
alone for namespaces. A pattern may contain *, ? and [...]. A link matches if one of its ends does.")]
pub struct Args {
    #[command(flatten)]
    selecting: Selecting,
    /// List namespaces without links, too. JSON always has them.
    #[arg(long, env = "NETMON_DISCOVER_ALL")]
    all: bool,
    /// Then print what appears, changes and disappears, until Ctrl-C; in JSON, one change a line.
    #[arg(short, long)]
    follow: bool,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if a capability is missing (exit code 3), or the kernel refuses an observer.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { selecting, all, follow: follows, output } = args;
    let selection = selecting.selection();
    if follows {
        require(
            &[Capability::NetAdmin, Capability::NetBroadcast, Capability::SysAdmin],
            "netmon discover --follow",
        )?;
        return follow(selection, all, output);
    }
    require(&[Capability::NetAdmin, Capability::SysAdmin], "netmon discover")?;
    output::print(&listing(&survey(&selection)?, all, output)?)?;
    Ok(ExitCode::Ok)
}

fn listing(survey: &Survey, all: bool, output: Format) -> anyhow::Result<String> {
    Ok(match output {
        Format::Table => discovered::listing(survey, all),
        Format::Json => serde_json::to_string_pretty(survey)? + "\n",
    })
}

/// Prints the listing, then changes for as long as they are read.
fn follow(selection: Selection, all: bool, output: Format) -> anyhow::Result<ExitCode> {
    let mut discovery = Discovery::open(selection)?;
    let mut text = match output {
        Format::Table => listing(discovery.survey(), all, output)? + "\n",
        Format::Json => lines(&discovery.initial(), output)?,
    };
    while output::print_while_read(&text)? {
        text = lines(&discovery.next(PATIENCE)?, output)?;
    }
    Ok(ExitCode::Ok)
}

fn lines(changes: &[Change], output: Format) -> anyhow::Result<String> {
    let line = |change: &Change| match output {
        Format::Table => Ok(discovered::change(change)),
        Format::Json => serde_json::to_string(change),
    };
    let lines = changes.iter().map(|change| Ok(line(change)? + "\n"));
    lines.collect()
}
