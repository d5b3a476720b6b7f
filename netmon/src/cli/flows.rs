//! `netmon flows`: lists the TCP connections that cross the links, as the agent follows them.

use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{
    names::LinkName,
    snapshot::{Flow, FlowState, Opener},
};

use super::{
    exit::ExitCode,
    output::{self, Format},
    which_agent::WhichAgent,
};
use crate::{
    api::{Flows, WhichFlows, client::Client},
    render::{
        table::table,
        units::{self, NONE},
    },
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
        Format::Table => text(&flows),
        Format::Json => serde_json::to_string_pretty(&flows)? + "\n",
    };
    output::print(&text)?;
    Ok(ExitCode::Ok)
}

fn text(flows: &Flows) -> String {
    if flows.table.capacity == 0 {
        return "This agent does not follow connections: it was started with --flow-entries 0.\n".to_owned();
    }
    let mut text = String::new();
    if flows.flows.is_empty() {
        text.push_str("No connections.\n");
    } else {
        text.push_str(&listing(flows));
        text.push('\n');
    }
    let table = flows.table;
    text.push_str(&format!(
        "\n{} of {} shown; {} of {} table entries used, {} evicted\n",
        flows.flows.len(),
        units::count(flows.matching as u64),
        units::count(table.entries),
        units::count(table.capacity),
        units::count(table.evicted),
    ));
    text
}

fn listing(flows: &Flows) -> String {
    const COLUMNS: [(&str, bool); 10] = [
        ("SEEN AT", false),
        ("CLIENT", false),
        ("", false),
        ("SERVER", false),
        ("STATE", false),
        ("IN", true),
        ("OUT", true),
        ("RETRANS", true),
        ("RTT", true),
        ("IDLE", true),
    ];
    table(COLUMNS, flows.flows.iter().map(|flow| row(&flow.seen)))
}

fn row(flow: &Flow) -> [String; 10] {
    let (local, remote) = (flow.local.to_string(), flow.remote.to_string());
    // If no SYN was seen, this side comes first.
    let (client, arrow, server) = match flow.opened_by {
        Some(Opener::Local) => (local, "->", remote),
        Some(Opener::Remote) => (remote, "->", local),
        None => (local, "--", remote),
    };
    let state = match flow.state {
        FlowState::Opening => "opening",
        FlowState::Open => "open",
        FlowState::Ended => "ended",
    };
    [
        format!("{}:{}", flow.namespace, flow.interface),
        client,
        arrow.to_owned(),
        server,
        state.to_owned(),
        units::bytes(flow.ingress.bytes),
        units::bytes(flow.egress.bytes),
        units::count(flow.ingress.retransmits + flow.egress.retransmits),
        flow.rtt_ns.map_or(NONE.to_owned(), units::duration),
        units::duration(flow.idle_ns),
    ]
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn a_connection_is_one_line_from_client_to_server() {
        let flows = Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default());
        let text = text(&flows);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains("[fd00::2]:40001   --  [fd00::3]:443  open"), "{text}");
        assert!(lines[2].contains("10.200.0.2:40000  ->  10.200.0.3:80  ended"), "{text}");
        assert!(text.ends_with("2 of 2 shown; 17 of 65,536 table entries used, 3 evicted\n"), "{text}");
    }

    #[test]
    fn an_agent_that_follows_no_connections_is_reported() {
        let mut flows = Flows::of(&fixtures::direct(), Vec::new(), &WhichFlows::default());
        assert!(text(&flows).contains("No connections"));
        flows.table.capacity = 0;
        assert!(text(&flows).contains("--flow-entries 0"));
    }
}
