//! The table of TCP connections and conversations over UDP.

use netmon_model::snapshot::{Flow, FlowState, Opener, Transport};

use super::{
    table::table,
    units::{self, NONE},
};
use crate::api::{Flows, Table};

const COLUMNS: [(&str, bool); 12] = [
    ("SEEN AT", false),
    ("PROTO", false),
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

/// Renders connections, and how full the agent's tables are. `wanted` is the protocol that was asked for; `None` for all.
#[must_use]
pub fn text(flows: &Flows, wanted: Option<Transport>) -> String {
    if wanted == Some(Transport::Udp) && flows.udp_table.capacity == 0 {
        return "This agent does not follow UDP: it was started without --udp-flows.\n".to_owned();
    }
    if flows.table.capacity == 0 && flows.udp_table.capacity == 0 {
        return "This agent does not follow connections: it was started with --flow-entries 0.\n".to_owned();
    }
    let list = match flows.flows.is_empty() {
        true => "No connections.\n".to_owned(),
        false => table(COLUMNS, flows.flows.iter().map(|flow| row(&flow.seen))) + "\n",
    };
    let shown = format!("{} of {} shown", flows.flows.len(), units::count(flows.matching as u64));
    let udp = match flows.udp_table.capacity {
        0 => String::new(),
        _ => format!("; UDP: {}", fill(&flows.udp_table)),
    };
    format!("{list}\n{shown}; {}{udp}\n", fill(&flows.table))
}

/// How full a table is: `17 of 65,536 table entries used, 3 evicted`.
fn fill(table: &Table) -> String {
    let [entries, capacity, evicted] = [table.entries, table.capacity, table.evicted].map(units::count);
    format!("{entries} of {capacity} table entries used, {evicted} evicted")
}

fn row(flow: &Flow) -> [String; 12] {
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
    let of_tcp = |number| match flow.protocol {
        Transport::Tcp => units::count(number),
        Transport::Udp => NONE.to_owned(),
    };
    [
        format!("{}:{}", flow.namespace, flow.interface),
        flow.protocol.as_str().to_owned(),
        client,
        arrow.to_owned(),
        server,
        state.to_owned(),
        units::bytes(flow.ingress.bytes),
        units::bytes(flow.egress.bytes),
        of_tcp(flow.ingress.retransmits + flow.egress.retransmits),
        of_tcp(flow.ingress.reordered + flow.egress.reordered),
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
        assert_snapshot!(text(&flows, None));
    }

    #[test]
    fn a_conversation_over_udp_has_no_figures_of_tcp() {
        let which = WhichFlows { protocol: Some(Transport::Udp), ..WhichFlows::default() };
        let flows = Flows::of(&fixtures::direct(), vec![fixtures::udp_flow()], &which);
        assert_snapshot!(text(&flows, None));
    }

    #[test]
    fn an_empty_table_of_connections() {
        let flows = Flows::of(&fixtures::direct(), Vec::new(), &WhichFlows::default());
        assert_snapshot!(text(&flows, None));
    }

    #[test]
    fn an_agent_that_does_not_follow_udp_says_so_only_if_it_is_asked_for() {
        let mut flows = Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default());
        flows.udp_table = Table::default();
        assert!(text(&flows, Some(Transport::Udp)).contains("--udp-flows"));
        assert!(!text(&flows, None).contains("UDP"));
    }

    #[test]
    fn an_agent_that_follows_no_connections() {
        let mut flows = Flows::of(&fixtures::direct(), Vec::new(), &WhichFlows::default());
        (flows.table.capacity, flows.udp_table.capacity) = (0, 0);
        assert_snapshot!(text(&flows, None));
    }
}
