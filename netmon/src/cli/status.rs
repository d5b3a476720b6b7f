//! `netmon status`: shows packets, rates and latencies of a lab, as its agent measures them; of several labs, their sums.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{
    exit::ExitCode,
    output::{self, Format},
    which_agent::WhichAgent,
};
use crate::{
    api::{Links, Probe, Probes, client::Client},
    control::locate,
    render::status,
};

mod labs;
mod link;

/// Which lab, and how its status is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon status                       the lab of this host; of several labs, a line for each
  netmon status direct                one of several labs, by its name
  netmon status labs/direct.toml      the same, by its file
  netmon status --all                 a line for each lab, also if there is only one
  netmon status --link core           one link: parts of its round trips, and its audit
  netmon status -o json               all numbers, as /api/v1/links and /api/v1/probes return them
  netmon status --address 127.0.0.1:9500")]
pub struct Args {
    #[command(flatten)]
    agent: WhichAgent,
    /// One link in detail: its name, NAMESPACE:INTERFACE of one end, or INTERFACE; without --link, all links.
    #[arg(long, env = "NETMON_LINK", value_name = "NAME")]
    link: Option<String>,
    /// A line for each lab of this host, also if there is only one. The default if there are several.
    #[arg(long, env = "NETMON_STATUS_ALL", conflicts_with_all = ["lab", "address", "link"])]
    all: bool,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The JSON output.
#[derive(Serialize)]
struct Status<'a> {
    #[serde(flatten)]
    links: &'a Links,
    probes: &'a [Probe],
}

/// Runs the command.
///
/// # Errors
///
/// Fails if no agent runs or it does not answer (exit code 1), or there is no such link (2).
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.all || (args.link.is_none() && !args.agent.is_named()) {
        let labs = locate::labs_up();
        if args.all || labs.len() > 1 {
            return labs::run(labs, args.output).await;
        }
    }
    one(args).await
}

/// Shows one lab.
async fn one(args: Args) -> anyhow::Result<ExitCode> {
    let client = Client::new(args.agent.address()?);
    let mut links: Links = client.get("/api/v1/links").await?;
    if let Some(name) = &args.link {
        link::choose(&mut links, name)?;
    }
    let Probes { probes, .. } = client.get("/api/v1/probes").await?;
    let text = match args.output {
        Format::Table if args.link.is_some() => status::detailed(client.address(), &links),
        Format::Table => status::overview(client.address(), &links, &probes),
        Format::Json => serde_json::to_string_pretty(&Status { links: &links, probes: &probes })? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}
