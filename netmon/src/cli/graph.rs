//! `netmon graph`: draws a lab, with rates and latencies if an agent runs it.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{lab::Lab, server_address::ServerAddress};

use super::{exit::ExitCode, lab_file::LabFile, output};
use crate::{
    api::{Links, client::Client},
    control::locate,
    render::graph::{self, model::Graph},
};

/// Which lab, and how it is drawn.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon graph                        the running lab with its rates, or the built-in lab
  netmon graph direct                 the running lab of this name
  netmon graph my.toml                the lab in this file, whether it is running or not
  netmon graph -o mermaid my.toml     for a Markdown page
  netmon graph -o dot | dot -Tsvg > lab.svg")]
pub struct Args {
    /// A lab file to draw, or the name of a running lab; without one, the lab of the only agent on this host or, if
    /// no agent runs, the built-in lab.
    #[arg(env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Query the agent at this address, whatever lab it runs: ADDRESS:PORT or unix:/PATH.
    #[arg(long, env = "NETMON_ADDRESS", value_name = "ADDRESS", conflicts_with = "lab")]
    address: Option<ServerAddress>,
    /// Output format.
    #[arg(short, long, env = "NETMON_GRAPH_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The formats of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Boxes; a list if there are too many for a screen.
    #[default]
    Text,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// Graphviz source.
    Dot,
    /// For programs.
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid, no agent runs the lab, or the agent does not answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let graph = match source(&args)? {
        Source::Lab(lab) => Graph::from_lab(&lab),
        Source::Agent(address) => {
            let links: Links = Client::new(address).get("/api/v1/links").await?;
            Graph::from_links(&links)
        }
    };
    let text = match args.output {
        Format::Text => graph::text(&graph, output::terminal()),
        Format::Mermaid => graph::mermaid::render(&graph),
        Format::Dot => graph::dot::render(&graph),
        Format::Json => serde_json::to_string_pretty(&graph)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

/// What is drawn.
enum Source {
    Lab(Box<Lab>),
    Agent(ServerAddress),
}

fn source(args: &Args) -> anyhow::Result<Source> {
    let file = |path: Option<PathBuf>| LabFile { file: path }.open().map(|lab| Source::Lab(Box::new(lab)));
    match (&args.address, args.lab.as_deref()) {
        (Some(address), _) => Ok(Source::Agent(address.clone())),
        (None, Some(given)) if locate::is_file(given) => file(Some(given.into())),
        (None, Some(name)) => Ok(Source::Agent(locate::agent_of(&locate::lab(name)?)?)),
        (None, None) => locate::main_agent()?.map_or_else(|| file(None), |agent| Ok(Source::Agent(agent))),
    }
}
