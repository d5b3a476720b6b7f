//! `netmon graph`: a lab as a drawing, with what passes on its links while it runs.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::lab::Lab;

use super::{exit::ExitCode, lab_file::LabFile, output};
use crate::{
    api::{Links, client::Client},
    control::locate,
    render::{
        graph::{self, model::Graph},
        terminal::Terminal,
    },
};

/// Of which lab, and how it is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon graph                        what runs, with rates and latencies; if nothing does, the built-in lab
  netmon graph direct                 the lab of this name, which runs
  netmon graph my.toml                what a file describes, whether it runs or not
  netmon graph -o mermaid my.toml     for a page in Markdown
  netmon graph -o dot | dot -Tsvg > lab.svg")]
pub struct Args {
    /// A lab file to draw, or the name of a lab that runs; without one, the lab that an agent runs, and where none
    /// does the built-in lab.
    #[arg(env = "NETMON_LAB", value_name = "LAB|FILE")]
    lab: Option<String>,
    /// Ask the agent at this address, whatever it runs.
    #[arg(long, env = "NETMON_ADDRESS", value_name = "ADDRESS:PORT", conflicts_with = "lab")]
    address: Option<SocketAddr>,
    /// How the graph is printed.
    #[arg(short, long, env = "NETMON_GRAPH_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The forms of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Boxes; a list where there are many.
    #[default]
    Text,
    /// Mermaid's flowchart, which Markdown pages show.
    Mermaid,
    /// Graphviz's language.
    Dot,
    /// For programs.
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// A file that is no lab; a lab that no agent runs, or an agent that does not answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let graph = match source(&args)? {
        Source::Lab(lab) => Graph::of_lab(&lab),
        Source::Agent(address) => {
            let links: Links = Client::new(address).get("/api/v1/links").await?;
            Graph::of_links(&links)
        }
    };
    let text = match args.output {
        Format::Text => graph::text(&graph, Terminal::of_stdout()),
        Format::Mermaid => graph::mermaid::render(&graph),
        Format::Dot => graph::dot::render(&graph),
        Format::Json => serde_json::to_string_pretty(&graph)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

/// Where a graph comes from.
enum Source {
    Lab(Lab),
    Agent(SocketAddr),
}

fn source(args: &Args) -> anyhow::Result<Source> {
    let file = |path: Option<PathBuf>| LabFile { file: path }.open().map(Source::Lab);
    match (args.address, args.lab.as_deref()) {
        (Some(address), _) => Ok(Source::Agent(address)),
        (None, Some(given)) if locate::is_file(given) => file(Some(given.into())),
        (None, Some(name)) => Ok(Source::Agent(locate::agent_of(&locate::lab(name)?)?)),
        (None, None) => locate::main_agent()?.map_or_else(|| file(None), |agent| Ok(Source::Agent(agent))),
    }
}
