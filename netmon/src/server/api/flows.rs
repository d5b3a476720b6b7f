//! `/api/v1/flows`: the TCP connections that are followed, as each endpoint of their way sees them.

use std::{cmp::Reverse, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Lab, unix_ms};
use crate::{
    names::{IfName, LinkName, NsName},
    snapshot::{self, FlowCounts, FlowState, FlowTable, Opener, Snapshot},
};

/// Most flows of an answer, unless it is asked for others.
const LIMIT: usize = 1_000;

/// What is asked for, in the query of the address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichFlows {
    /// Most flows of the answer; without it, a thousand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only flows on this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// Only flows that are this far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FlowState>,
}

/// Connections, those first that something passed of most lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// Which lab.
    pub lab: Lab,
    /// The table that they are in.
    pub table: Table,
    /// How many were asked for and are in the table; `flows` may be cut short.
    pub matching: usize,
    /// The connections.
    pub flows: Vec<Flow>,
}

/// The table of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Connections in it, those that have ended among them until their place is needed.
    pub entries: u64,
    /// Most connections; 0 when none are followed.
    pub capacity: u64,
    /// Connections that had to make room before they had ended.
    pub evicted: u64,
}

/// A TCP connection as one endpoint sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The link that it is seen on.
    pub link: LinkName,
    /// The namespace of the endpoint that sees it.
    pub namespace: NsName,
    /// The endpoint's interface.
    pub interface: IfName,
    /// `tcp`.
    pub protocol: String,
    /// Address and port on this side.
    pub local: SocketAddr,
    /// Address and port on the other side.
    pub remote: SocketAddr,
    /// Which side asked for the connection; null when it is older than the agent.
    pub opened_by: Option<Opener>,
    /// How far it is.
    pub state: FlowState,
    /// Since when it is in the table, nanoseconds.
    pub age_ns: u64,
    /// Since when nothing passed, nanoseconds.
    pub idle_ns: u64,
    /// What came in.
    pub ingress: FlowCounts,
    /// What left.
    pub egress: FlowCounts,
    /// The latest round trip of data that left here, nanoseconds; null without a sample.
    pub rtt_ns: Option<u64>,
}

impl Flows {
    /// What was asked for of `flows`, which were read after the snapshot.
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
            lab: (&snapshot.lab).into(),
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
    fn from(flow: snapshot::Flow) -> Self {
        let snapshot::Flow {
            link,
            namespace,
            interface,
            local,
            remote,
            opened_by,
            state,
            age_ns,
            idle_ns,
            ingress,
            egress,
            rtt_ns,
        } = flow;
        let protocol = "tcp".to_owned();
        Self {
            link,
            namespace,
            interface,
            protocol,
            local,
            remote,
            opened_by,
            state,
            age_ns,
            idle_ns,
            ingress,
            egress,
            rtt_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_flow_that_was_busy_last_comes_first_and_the_answer_is_cut() {
        let all = Flows::of(&sample::direct(), sample::flows(), &WhichFlows::default());
        assert_eq!(all.matching, 2);
        assert!(all.flows[0].idle_ns < all.flows[1].idle_ns);
        let which = WhichFlows { limit: Some(1), ..WhichFlows::default() };
        let cut = Flows::of(&sample::direct(), sample::flows(), &which);
        assert_eq!((cut.matching, cut.flows.len()), (2, 1));
        assert_eq!(cut.flows[0], all.flows[0]);
    }

    #[test]
    fn link_and_state_choose() {
        let of = |which| Flows::of(&sample::direct(), sample::flows(), &which).matching;
        assert_eq!(of(WhichFlows { state: Some(FlowState::Ended), ..WhichFlows::default() }), 1);
        let link = Some("no-such-link".parse().unwrap());
        assert_eq!(of(WhichFlows { link, ..WhichFlows::default() }), 0);
    }
}
