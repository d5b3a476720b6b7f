//! `netmon flows`: lists the TCP connections and conversations over UDP that cross the links, as the agent follows them.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use axum::http::StatusCode;
use clap::{Args as ClapArgs, ValueEnum};
use netmon_model::{
    names::{LinkName, NsName},
    snapshot::{FlowState, Transport},
};

use super::{
    exit::ExitCode,
    failure::UsageError,
    output::{self, Format},
    which_agent::WhichAgent,
};
use crate::{
    api::{
        FlowOrder, Flows, WhichFlows,
        client::{Client, ClientError},
    },
    render,
};

/// Moves the cursor to the upper left corner, and clears what is below it (ECMA-48, CUP and ED).
const HOME_AND_CLEAR: &str = "\x1b[H\x1b[J";

/// Which connections, and how they are printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon flows                            the most recently active connections
  netmon flows --state open --limit 10    ten open connections
  netmon flows --sort bytes --follow      who moves the most, every two seconds
  netmon flows --namespace web --sort rtt the slowest connections of one namespace
  netmon flows --protocol udp             conversations over UDP (netmon run --udp-flows)
  netmon flows --link core -o json        one link's connections, as /api/v1/flows

A connection is listed once for each end of each link that it crosses. The kernel table that holds
them is bounded (netmon run --flow-entries); when it is full, the connection that was idle for
longest is evicted. UDP is followed only if the agent was started with --udp-flows: it costs a
table update for every packet.")]
pub struct Args {
    #[command(flatten)]
    agent: WhichAgent,
    /// Only connections on this link: its name, NAMESPACE:INTERFACE of one end, or INTERFACE.
    #[arg(long, env = "NETMON_LINK", value_name = "NAME", value_parser = link_name)]
    link: Option<LinkName>,
    /// Only connections at the ends of this namespace.
    #[arg(long, env = "NETMON_NAMESPACE", value_name = "NAME", value_parser = namespace_name)]
    namespace: Option<NsName>,
    /// Only connections of this protocol.
    #[arg(long, env = "NETMON_FLOW_PROTOCOL", value_enum)]
    protocol: Option<Protocol>,
    /// Only connections in this state.
    #[arg(long, env = "NETMON_FLOW_STATE", value_enum)]
    state: Option<State>,
    /// Which connections come first.
    #[arg(long, env = "NETMON_FLOW_SORT", value_enum, default_value_t)]
    sort: Order,
    /// List them again and again, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Seconds from one list to the next, with --follow.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Maximum number of connections to list.
    #[arg(long, env = "NETMON_LIMIT", value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// TCP connections.
    Tcp,
    /// Conversations over UDP.
    Udp,
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
        }
    }
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// A SYN was seen, but no complete handshake. UDP: packets of one direction only.
    Opening,
    /// The handshake is complete: data may flow. UDP: packets of both directions.
    Open,
    /// Closed, reset or refused. UDP: silent for 30 s, or for 120 s if it lasted.
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

/// Which connections come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Order {
    /// Those with the most recent packet.
    #[default]
    Recent,
    /// Those with the most bytes, in and out together.
    Bytes,
    /// Those with the most packets.
    Packets,
    /// Those with the longest latest round trip.
    Rtt,
    /// Those with the most retransmitted segments.
    Retransmits,
}

impl From<Order> for FlowOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Recent => Self::Recent,
            Order::Bytes => Self::Bytes,
            Order::Packets => Self::Packets,
            Order::Rtt => Self::Rtt,
            Order::Retransmits => Self::Retransmits,
        }
    }
}

fn namespace_name(name: &str) -> Result<NsName, String> {
    name.parse().map_err(|error: netmon_model::names::InvalidName| error.to_string())
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
    let which = WhichFlows {
        limit: Some(args.limit),
        link: args.link,
        namespace: args.namespace,
        protocol: args.protocol.map(Transport::from),
        state: args.state.map(FlowState::from),
        sort: args.sort.into(),
    };
    let path = format!("/api/v1/flows?{}", serde_urlencoded::to_string(&which)?);
    loop {
        let flows: Flows = client.get(&path).await.map_err(usage)?;
        if !args.follow {
            output::print(&match args.output {
                Format::Table => render::flows::text(&flows, which.protocol),
                Format::Json => serde_json::to_string_pretty(&flows)? + "\n",
            })?;
            return Ok(ExitCode::Ok);
        }
        output::print(&one_of_many(&flows, which.protocol, args.output)?)?;
        tokio::time::sleep(Duration::from_secs(args.interval)).await;
    }
}

/// What the agent does not know, such as the name of a link, is an error of usage. Its text has the names near it.
fn usage(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { status: StatusCode::BAD_REQUEST, text, .. } => UsageError(text).into(),
        other => other.into(),
    }
}

/// Returns one list of many: on a terminal it replaces the one before; as JSON it is one line.
fn one_of_many(flows: &Flows, wanted: Option<Transport>, format: Format) -> serde_json::Result<String> {
    Ok(match format {
        Format::Json => serde_json::to_string(flows)? + "\n",
        Format::Table if io::stdout().is_terminal() => {
            HOME_AND_CLEAR.to_owned() + &render::flows::text(flows, wanted)
        }
        Format::Table => render::flows::text(flows, wanted) + "\n",
    })
}
