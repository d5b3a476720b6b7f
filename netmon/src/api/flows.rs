//! `/api/v1/flows`: the tracked TCP connections and conversations over UDP, as each endpoint on their path sees them.

use std::cmp::Reverse;

use netmon_model::{
    names::{LinkName, NsName},
    snapshot::{self, FlowCounts, FlowState, FlowTable, Snapshot, Transport},
};
use serde::{Deserialize, Serialize};

use super::{Lab, unix_ms};

/// The default maximum number of flows in a response.
const LIMIT: usize = 1_000;

/// Which flows are requested: the query of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichFlows {
    /// Maximum number of flows in the response; by default 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only flows on this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// Only flows at the ends of this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NsName>,
    /// Only flows of this protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Transport>,
    /// Only flows in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FlowState>,
    /// Which flows come first.
    #[serde(default)]
    pub sort: FlowOrder,
}

/// Which flows come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowOrder {
    /// Those with the most recent packet.
    #[default]
    Recent,
    /// Those with the most bytes, both directions together.
    Bytes,
    /// Those with the most packets.
    Packets,
    /// Those with the longest latest round trip.
    Rtt,
    /// Those with the most retransmitted segments.
    Retransmits,
}

impl FlowOrder {
    /// Returns what is larger for flows that come first. Where it is equal, the most recent packet decides.
    fn rank(self, flow: &snapshot::Flow) -> u64 {
        let both = |of: fn(&FlowCounts) -> u64| of(&flow.ingress) + of(&flow.egress);
        match self {
            Self::Recent => 0,
            Self::Bytes => both(|counts| counts.bytes),
            Self::Packets => both(|counts| counts.packets),
            Self::Rtt => flow.rtt_ns.unwrap_or(0),
            Self::Retransmits => both(|counts| counts.retransmits),
        }
    }
}

/// Connections, in the order that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The lab that is watched; null if there is none.
    pub lab: Option<Lab>,
    /// The table of TCP connections.
    pub table: Table,
    /// The table of conversations over UDP.
    #[serde(default)]
    pub udp_table: Table,
    /// Number of connections in the tables that match the query; `flows` may have fewer.
    pub matching: usize,
    /// The connections.
    pub flows: Vec<Flow>,
}

/// A table of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Connections in it, including ended ones whose place has not been needed yet.
    pub entries: u64,
    /// Maximum number of connections; 0 if none are tracked.
    pub capacity: u64,
    /// Connections that were evicted before they had ended.
    pub evicted: u64,
}

/// A connection as one endpoint sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its fields, with the same names.
    #[serde(flatten)]
    pub seen: snapshot::Flow,
}

impl Flows {
    /// Selects the requested ones of `flows`, which were read after the snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot, mut flows: Vec<snapshot::Flow>, which: &WhichFlows) -> Self {
        flows.retain(|flow| {
            which.link.as_ref().is_none_or(|link| *link == flow.link)
                && which.namespace.as_ref().is_none_or(|namespace| *namespace == flow.namespace)
                && which.protocol.is_none_or(|protocol| protocol == flow.protocol)
                && which.state.is_none_or(|state| state == flow.state)
        });
        flows.sort_by_key(|flow| (Reverse(which.sort.rank(flow)), flow.idle_ns, Reverse(flow.age_ns)));
        let matching = flows.len();
        flows.truncate(which.limit.unwrap_or(LIMIT));
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            lab: Lab::of_first(snapshot),
            table: Table::of_tcp(snapshot.flows),
            udp_table: Table::of_udp(snapshot.flows),
            matching,
            flows: flows.into_iter().map(Flow::from).collect(),
        }
    }
}

impl Table {
    fn of_tcp(table: FlowTable) -> Self {
        Self { entries: table.entries, capacity: table.capacity, evicted: table.evicted_flows }
    }

    fn of_udp(table: FlowTable) -> Self {
        Self { entries: table.udp_entries, capacity: table.udp_capacity, evicted: table.evicted_udp_flows }
    }
}

impl From<snapshot::Flow> for Flow {
    fn from(seen: snapshot::Flow) -> Self {
        Self { seen }
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn the_flow_that_was_busy_last_comes_first_and_the_answer_is_cut() {
        let all = Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default());
        assert_eq!(all.matching, 2);
        assert!(all.flows[0].seen.idle_ns < all.flows[1].seen.idle_ns);
        let which = WhichFlows { limit: Some(1), ..WhichFlows::default() };
        let cut = Flows::of(&fixtures::direct(), fixtures::flows(), &which);
        assert_eq!((cut.matching, cut.flows.len()), (2, 1));
        assert_eq!(cut.flows[0], all.flows[0]);
    }

    #[test]
    fn the_largest_come_first_by_what_was_asked_for() {
        let ranks = |sort: FlowOrder| -> Vec<u64> {
            let which = WhichFlows { sort, ..WhichFlows::default() };
            let flows = Flows::of(&fixtures::direct(), fixtures::flows(), &which);
            flows.flows.iter().map(|flow| sort.rank(&flow.seen)).collect()
        };
        for sort in [FlowOrder::Bytes, FlowOrder::Packets, FlowOrder::Rtt, FlowOrder::Retransmits] {
            let ranks = ranks(sort);
            assert!(ranks.is_sorted_by(|a, b| a >= b) && ranks[0] > 0, "{sort:?}: {ranks:?}");
        }
    }

    #[test]
    fn link_namespace_protocol_and_state_choose() {
        let of = |which| Flows::of(&fixtures::direct(), fixtures::flows(), &which).matching;
        assert_eq!(of(WhichFlows { state: Some(FlowState::Ended), ..WhichFlows::default() }), 1);
        let namespace = fixtures::flows()[0].namespace.clone();
        let there = fixtures::flows().iter().filter(|flow| flow.namespace == namespace).count();
        assert_eq!(of(WhichFlows { namespace: Some(namespace), ..WhichFlows::default() }), there);
        let all = || [fixtures::flows(), vec![fixtures::udp_flow()]].concat();
        let of_protocol = |protocol| {
            let which = WhichFlows { protocol, ..WhichFlows::default() };
            Flows::of(&fixtures::direct(), all(), &which).matching
        };
        let [any, tcp, udp] = [None, Some(Transport::Tcp), Some(Transport::Udp)].map(of_protocol);
        assert_eq!((any, tcp, udp), (3, 2, 1));
        let link = Some("no-such-link".parse().unwrap());
        assert_eq!(of(WhichFlows { link, ..WhichFlows::default() }), 0);
    }
}
