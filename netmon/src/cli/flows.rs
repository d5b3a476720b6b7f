//! `netmon flows`: lists the TCP connections that cross the links, as the agent follows them.

use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{names::LinkName, snapshot::FlowState};

use super::{
    exit::ExitCode,
    output::{self, Format},
    which_agent::WhichAgent,
};
use crate::{
    api::{Flows, WhichFlows, client::Client},
    render,
};

/// Which connections, and how they are printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon flows                            the most recently active connections
  netmon flows --state open --limit 10    ten open connections
  netmon flows --link core -o json        the connections on one link, as /api/v1/flows returns them

A connection is listed once for each end of each link that it crosses. The kernel table that holds them is bounded
(netmon run --flow-entries); when it is full, the connection that was idle for longest is evicted.")]
pub struct Args {
    #[command(flatten)]
    agent: WhichAgent,
    /// Only connections on this link.
    #[arg(long, env = "NETMON_LINK", value_name = "NAME", value_parser = link_name)]
    link: Option<LinkName>,
    /// Only connections in this state.
    #[arg(long, env = "NETMON_FLOW_STATE", value_enum)]
    state: Option<State>,
    /// Maximum number of connections to list.
    #[arg(long, env = "NETMON_LIMIT", value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// A SYN was seen, but no complete handshake.
    Opening,
    /// The handshake is complete: data may flow.
    Open,
    /// Closed, reset or refused.
    Ended,
}

impl From<State> for FlowState {
    fn from(state: State) -> Self {
        match state {
            State::Opening => Self::Opening,
            State::Open => Self::Open,
            State::Ended => Self::Ended,
        }
    }
}

fn link_name(name: &str) -> Result<LinkName, String> {
    name.parse().map_err(|error: netmon_model::names::InvalidName| error.to_string())
}

/// Runs the command.
///
/// # Errors
///
/// Fails if no agent runs, or it does not answer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = Client::new(args.agent.address()?);
    let which =
        WhichFlows { limit: Some(args.limit), link: args.link, state: args.state.map(FlowState::from) };
    let path = format!("/api/v1/flows?{}", serde_urlencoded::to_string(&which)?);
    let flows: Flows = client.get(&path).await?;
    let text = match args.output {
        Format::Table => render::flows::text(&flows),
        Format::Json => serde_json::to_string_pretty(&flows)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}
