//! A row for each connection, in the order of the agent: the most recently active first.
//!
//! The agent lists a connection once for each end of each link that it crosses. Here it is one row, as the end nearest
//! to the client sees it.

use std::{collections::HashSet, net::SocketAddr};

use netmon_model::snapshot::{Flow, FlowState, Opener, Transport};

use super::{about, rate};
use crate::{
    render::units::NONE,
    top::{
        figures::{self, to_f64},
        palette::Tone,
        state::{Details, State, View},
        table::{Cell, Column, Kind, Row, Table, column},
    },
};

const COLUMNS: [Column; 10] = [
    column("CLIENT", Kind::Name, 21, 0),
    column("SERVER", Kind::Name, 17, 1),
    column("STATE", Kind::Word, 7, 7),
    Column { heading: "BIT/S→", ascii: "BIT/S>", width: 6, kind: Kind::Figure, rank: 2 },
    Column { heading: "←BIT/S", ascii: "<BIT/S", width: 6, kind: Kind::Figure, rank: 3 },
    Column { heading: "BYTES→", ascii: "BYTES>", width: 6, kind: Kind::Figure, rank: 5 },
    Column { heading: "←BYTES", ascii: "<BYTES", width: 6, kind: Kind::Figure, rank: 6 },
    column("RTT", Kind::Figure, 6, 4),
    column("RETRANS", Kind::Figure, 7, 8),
    column("IDLE", Kind::Figure, 6, 9),
];

pub(super) fn table(state: &State) -> Table {
    let rows = seen_once(&state.details).into_iter().map(|flow| row(state, flow));
    Table::new(&COLUMNS, rows.collect())
}

/// Returns why there is no connection.
pub(super) fn nothing(state: &State) -> &'static str {
    match &state.details.flows {
        None => "Reading the connections ...",
        Some(flows) if flows.table.capacity == 0 && flows.udp_table.capacity == 0 => {
            "This agent does not follow connections: it was started with --flow-entries 0."
        }
        Some(_) if state.view == View::Connections => "No connections yet.",
        Some(_) => "No connections on this link.",
    }
}

/// Returns each connection once: as its client's side saw it, if that is known.
pub(crate) fn seen_once(details: &Details) -> Vec<&Flow> {
    let flows = details.flows.iter().flat_map(|flows| &flows.flows).map(|flow| &flow.seen);
    let (by_client, others): (Vec<_>, Vec<_>) = flows.partition(|flow| flow.opened_by == Some(Opener::Local));
    let mut known = HashSet::new();
    let mut once: Vec<&Flow> =
        by_client.into_iter().chain(others).filter(|flow| known.insert(pair(flow))).collect();
    once.sort_by_key(|flow| flow.idle_ns);
    once
}

fn pair(flow: &Flow) -> (Transport, SocketAddr, SocketAddr) {
    (flow.protocol, flow.local.min(flow.remote), flow.local.max(flow.remote))
}

fn row(state: &State, flow: &Flow) -> Row {
    let key = crate::top::state::flow_key(flow);
    let rates = state.details.flow_rates.get(&key).copied();
    // As seen at this end: out is what the local side sent.
    let (forward, back) = if is_local_client(flow) { (0, 1) } else { (1, 0) };
    let rate_of = |index: usize| rates.map(|(out, into)| [out, into][index]);
    let bytes_of = |index: usize| [flow.egress.bytes, flow.ingress.bytes][index];
    let bytes = |bytes: u64| Cell::figure(figures::bytes(bytes), Some(to_f64(bytes)));
    let retransmits = flow.egress.retransmits + flow.ingress.retransmits;
    let [client, server] = ends(flow);
    let cells = vec![
        Cell::name(client.clone()),
        Cell::name(server.clone()),
        state_cell(flow.state),
        rate(rate_of(forward)),
        rate(rate_of(back)),
        bytes(bytes_of(forward)),
        bytes(bytes_of(back)),
        super::duration(flow.rtt_ns, state),
        super::bad_count((flow.protocol == Transport::Tcp).then_some(retransmits), Tone::Warn),
        super::duration(Some(flow.idle_ns), state),
    ];
    let seen = format!("seen at {}:{} on {}", flow.namespace, flow.interface, flow.link);
    Row {
        key: format!("{} {client} {server}", flow.link),
        mark: (" ", Tone::Plain),
        cells,
        haystack: format!("{client} {server} {} {seen}", word(flow.state)).to_lowercase(),
        about: about(
            state.palette,
            [
                (Tone::Strong, format!("{client} {} {server}", state.glyphs.right)),
                (Tone::Plain, state.safe(seen)),
            ],
        ),
    }
}

/// Returns client and server, the latter with `/udp` behind its port if that is not TCP. If no SYN was seen, this side
/// comes first.
pub(crate) fn ends(flow: &Flow) -> [String; 2] {
    let (client, server) =
        if is_local_client(flow) { (flow.local, flow.remote) } else { (flow.remote, flow.local) };
    let protocol = match flow.protocol {
        Transport::Tcp => "",
        Transport::Udp => "/udp",
    };
    [client.to_string(), format!("{server}{protocol}")]
}

pub(crate) fn is_local_client(flow: &Flow) -> bool {
    flow.opened_by != Some(Opener::Remote)
}

fn state_cell(state: FlowState) -> Cell {
    let tone = match state {
        FlowState::Opening => Tone::Warn,
        FlowState::Open => Tone::Good,
        FlowState::Ended => Tone::Dim,
    };
    Cell::name(word(state).to_owned()).toned(tone)
}

/// Returns the word for a state.
pub(crate) fn word(state: FlowState) -> &'static str {
    match state {
        FlowState::Opening => "opening",
        FlowState::Open => "open",
        FlowState::Ended => "ended",
    }
}

/// Returns the round trip of a connection, or a dash.
pub(crate) fn rtt(flow: &Flow, is_ascii: bool) -> String {
    flow.rtt_ns.map_or(NONE.to_owned(), |ns| figures::duration(ns, is_ascii))
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn a_conversation_over_udp_says_so_behind_the_servers_port() {
        assert_eq!(ends(&fixtures::udp_flow()), ["10.200.0.2:40002", "10.200.0.3:53/udp"]);
        assert_eq!(ends(&fixtures::flows()[0]), ["10.200.0.2:40000", "10.200.0.3:80"]);
    }
}
