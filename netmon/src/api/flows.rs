//! `/api/v1/flows`: the tracked TCP connections, as each endpoint on their path sees them.

use std::cmp::Reverse;

use netmon_model::{
    names::LinkName,
    snapshot::{self, FlowState, FlowTable, Snapshot},
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
    /// Only flows in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FlowState>,
}

/// Connections, those with the most recent packet first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The lab that is watched; null when none is.
    pub lab: Option<Lab>,
    /// The table of connections.
    pub table: Table,
    /// Number of connections in the table that match the query; `flows` may have fewer.
    pub matching: usize,
    /// The connections.
    pub flows: Vec<Flow>,
}

/// The table of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `tcp`.
    pub protocol: String,
    /// The other fields, with the same names.
    #[serde(flatten)]
    pub seen: snapshot::Flow,
}

impl Flows {
    /// Selects the requested ones of `flows`, which were read after the snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot, mut flows: Vec<snapshot::Flow>, which: &WhichFlows) -> Self {
        flows.retain(|flow| {
            which.link.as_ref().is_none_or(|link| *link == flow.link)
                && which.state.is_none_or(|state| state == flow.state)
        });
        flows.sort_by_key(|flow| (flow.idle_ns, Reverse(flow.age_ns)));
        let matching = flows.len();
        flows.truncate(which.limit.unwrap_or(LIMIT));
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            lab: Lab::of_first(snapshot),
            table: snapshot.flows.into(),
            matching,
            flows: flows.into_iter().map(Flow::from).collect(),
        }
    }
}

impl From<FlowTable> for Table {
    fn from(table: FlowTable) -> Self {
        Self { entries: table.entries, capacity: table.capacity, evicted: table.evicted_flows }
    }
}

impl From<snapshot::Flow> for Flow {
    fn from(seen: snapshot::Flow) -> Self {
        Self { protocol: "tcp".to_owned(), seen }
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
    fn link_and_state_choose() {
        let of = |which| Flows::of(&fixtures::direct(), fixtures::flows(), &which).matching;
        assert_eq!(of(WhichFlows { state: Some(FlowState::Ended), ..WhichFlows::default() }), 1);
        let link = Some("no-such-link".parse().unwrap());
        assert_eq!(of(WhichFlows { link, ..WhichFlows::default() }), 0);
    }
}
