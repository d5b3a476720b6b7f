//! The table of TCP connections.

use netmon_model::snapshot::{Flow, FlowState, Opener};

use super::{
    table::table,
    units::{self, NONE},
};
use crate::api::Flows;

const COLUMNS: [(&str, bool); 11] = [
    ("SEEN AT", false),
    ("CLIENT", false),
    ("", false),
    ("SERVER", false),
    ("STATE", false),
    ("IN", true),
    ("OUT", true),
    ("RETRANS", true),
    ("REORDER", true),
    ("RTT", true),
    ("IDLE", true),
];

/// Renders connections, and how full the agent's table is.
#[must_use]
pub fn text(flows: &Flows) -> String {
    if flows.table.capacity == 0 {
        return "This agent does not follow connections: it was started with --flow-entries 0.\n".to_owned();
    }
    let list = match flows.flows.is_empty() {
        true => "No connections.\n".to_owned(),
        false => table(COLUMNS, flows.flows.iter().map(|flow| row(&flow.seen))) + "\n",
    };
    format!(
        "{list}\n{} of {} shown; {} of {} table entries used, {} evicted\n",
        flows.flows.len(),
        units::count(flows.matching as u64),
        units::count(flows.table.entries),
        units::count(flows.table.capacity),
        units::count(flows.table.evicted),
    )
}

fn row(flow: &Flow) -> [String; 11] {
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
        units::count(flow.ingress.reordered + flow.egress.reordered),
        flow.rtt_ns.map_or(NONE.to_owned(), units::duration),
        units::duration(flow.idle_ns),
    ]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use netmon_model::fixtures;

    use super::*;
    use crate::api::WhichFlows;

    #[test]
    fn a_connection_is_one_line_from_client_to_server() {
        let flows = Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default());
        assert_snapshot!(text(&flows));
    }

    #[test]
    fn an_empty_table_of_connections() {
        let flows = Flows::of(&fixtures::direct(), Vec::new(), &WhichFlows::default());
        assert_snapshot!(text(&flows));
    }

    #[test]
    fn an_agent_that_follows_no_connections() {
        let mut flows = Flows::of(&fixtures::direct(), Vec::new(), &WhichFlows::default());
        flows.table.capacity = 0;
        assert_snapshot!(text(&flows));
    }
}
