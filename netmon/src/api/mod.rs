//! The JSON of `/api/v1`: types that the server writes and netmon's own clients read back.
//!
//! Every number's unit is in its field's name. Fields are only ever added within `v1`; what was not measured
//! is null, never 0. `docs/API.md` describes the same for people.

pub mod client;
mod columns;
mod event;
mod flows;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod host;
mod impairment;
mod links;
mod parts;
mod probes;
mod round_trips;
mod sse;
mod summary;
mod topology;
pub(crate) mod totals;
mod traces;
mod which_link;
mod window;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use netmon_model::{
    names::LabName,
    snapshot::{LabInfo, NamespaceContents, Snapshot},
};
use serde::{Deserialize, Serialize};

pub use self::{
    event::{Bye, Event},
    flows::{Flow, FlowOrder, Flows, Table, WhichFlows},
    host::{Host, HostContainer, HostNamespace},
    impairment::{Amounts, DeclaredImpairment, Measured},
    links::{
        Audit, Device, Endpoint, EndpointName, Hook, Link, LinkDirection, Links, ProtocolCount, WhichLinks,
    },
    parts::{Part, Parts, Perspective, RoundTripParts},
    probes::{Probe, Probes},
    round_trips::RoundTrips,
    summary::Summary,
    topology::{
        Agent, ColumnNames, HistoryUse, Impairments, ProbeState, Topology, TopologyEndpoint, TopologyLink,
    },
    traces::Traces,
    which_link::{NamedLink, meant},
    window::{DirectionWindow, EndWindow, LinkWindow, ProbeNow, Window},
};

/// The lab that a response is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: LabName,
    /// The lab file's path; `built-in` for the built-in lab.
    pub file: String,
    /// Whether counting continues without the agent.
    #[serde(default)]
    pub persists: bool,
    /// The namespaces that contain more than ends of links.
    #[serde(default)]
    pub namespaces: Vec<NamespaceContents>,
}

/// Returns counts by the labels of what they count.
fn by_label<T: Copy, N: Copy>(counts: &[(T, N)], label: fn(T) -> &'static str) -> BTreeMap<String, N> {
    counts.iter().map(|(what, count)| (label(*what).to_owned(), *count)).collect()
}

impl Lab {
    /// Returns the lab of a snapshot. `v1` describes one lab.
    fn of_first(snapshot: &Snapshot) -> Option<Self> {
        snapshot.labs.first().map(Self::from)
    }
}

impl From<&LabInfo> for Lab {
    fn from(lab: &LabInfo) -> Self {
        Self {
            name: lab.name.clone(),
            file: lab.file.clone(),
            persists: lab.persists,
            namespaces: lab.namespaces.clone(),
        }
    }
}

/// A wall-clock time in milliseconds since 1970.
fn unix_ms(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// More digits would be noise, and would not survive every JSON reader.
fn to_thousandth(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
