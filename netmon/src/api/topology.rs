//! `/api/v1/topology`: the links and whether they are watched. No counts.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use ipnet::IpNet;
use netmon_model::{
    drift::Drift,
    names::{EndName, IfIndex, LabName, LinkName, NsName},
    snapshot::{
        AttachMode, DirectionSnapshot, EndpointSnapshot, Features, LinkSnapshot, ProbeSnapshot,
        ServiceSnapshot, Snapshot,
    },
};
use serde::{Deserialize, Serialize};

use super::{Amounts, DirectionWindow, EndWindow, Lab, nanoseconds, unix_ms};
use crate::live::History;

/// The topology as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The agent that answers.
    #[serde(default)]
    pub agent: Agent,
    /// Grows whenever something below has changed, while this agent runs.
    #[serde(default)]
    pub generation: u64,
    /// The lab that is watched; null if there is none.
    pub lab: Option<Lab>,
    /// What this kernel can measure, and how programs are attached.
    pub features: Features,
    /// The history that the agent keeps; null if it keeps none.
    #[serde(default)]
    pub history: Option<HistoryUse>,
    /// Every namespace with an end of a link or other contents, sorted.
    #[serde(default)]
    pub namespaces: Vec<NsName>,
    /// Every link, in the order of the lab file.
    pub links: Vec<TopologyLink>,
    /// Every service, in the order of the lab file.
    #[serde(default)]
    pub services: Vec<ServiceSnapshot>,
    /// Every probe, in the order of the lab file.
    #[serde(default)]
    pub probes: Vec<ProbeState>,
    /// The number of interfaces of the host that are not watched; null if the agent does not discover links.
    #[serde(default)]
    pub not_watched: Option<usize>,
    /// What the arrays of a stream's events contain.
    #[serde(default)]
    pub columns: ColumnNames,
}

/// The agent that answers. Another start is another agent, whose numbers begin again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its version.
    pub version: String,
    /// Wall-clock time at which it began to serve, milliseconds since 1970.
    pub started_at_unix_ms: u64,
}

/// The history that an agent keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryUse {
    /// Time from one reading to the next while no client has a stream.
    pub interval_ms: u64,
    /// How far back it goes.
    pub seconds: u64,
    /// The memory that it takes.
    pub bytes: u64,
    /// The memory that it may take. When that is used, it becomes coarser.
    pub max_bytes: u64,
}

/// The names of the columns of a stream's arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNames {
    /// Of a direction of a link.
    pub direction: Vec<String>,
    /// Of an end of a link.
    pub end: Vec<String>,
}

/// The state of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeState {
    /// The namespace that it is sent from.
    pub from: NsName,
    /// `icmp`, `tcp`, `http` or `dns`.
    pub kind: String,
    /// Its name, or else its target.
    pub name: String,
    /// The address or URL that it attempts.
    pub target: String,
    /// Time from one attempt to the next.
    pub interval_ns: u64,
    /// Whether the last attempt succeeded; null until the first counted attempt has finished.
    pub success: Option<bool>,
    /// Why the last attempt failed; null if it did not.
    pub error: Option<String>,
}

/// What netmon does to the packets of each direction on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairments {
    /// From `a` to `b`; null if nothing.
    pub a_to_b: Option<Amounts>,
    /// From `b` to `a`; null if nothing.
    pub b_to_a: Option<Amounts>,
}

/// A link and its two ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyLink {
    /// The link's name.
    pub name: LinkName,
    /// The lab that it is part of; null if it was found on the host.
    #[serde(default)]
    pub lab: Option<LabName>,
    /// End `a`.
    pub a: TopologyEndpoint,
    /// End `b`; null while the peer of `a` is not known.
    pub b: Option<TopologyEndpoint>,
    /// The declared impairments.
    #[serde(default)]
    pub impairment: Impairments,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyEndpoint {
    /// The namespace that it is in; `root` is the agent's own.
    pub namespace: NsName,
    /// The interface.
    pub interface: EndName,
    /// The interface's number in its namespace.
    pub ifindex: IfIndex,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
    /// Whether the interface exists and is up.
    pub up: bool,
    /// How it differs from the lab because of another program.
    #[serde(default)]
    pub drift: Vec<Drift>,
    /// How the program is attached to the ingress hook; null when it is not.
    pub ingress_attached: Option<AttachMode>,
    /// How the program is attached to the egress hook; null when it is not.
    pub egress_attached: Option<AttachMode>,
}

impl Topology {
    /// The topology in a snapshot, as the first one of its agent and without services.
    #[must_use]
    pub fn of(snapshot: &Snapshot, agent: &Agent, history: Option<HistoryUse>) -> Self {
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            agent: agent.clone(),
            generation: 1,
            lab: Lab::of_first(snapshot),
            features: snapshot.features,
            history,
            namespaces: namespaces(snapshot),
            links: snapshot.links.iter().map(TopologyLink::from).collect(),
            services: Vec::new(),
            probes: snapshot.probes.iter().map(ProbeState::from).collect(),
            not_watched: snapshot.host.as_ref().map(|host| host.skipped_interfaces()),
            columns: ColumnNames::default(),
        }
    }

    /// Returns whether this is the same topology, whenever it was taken.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let of = |topology: &Self| (topology.features, topology.agent.started_at_unix_ms);
        of(self) == of(other)
            && self.lab == other.lab
            && self.namespaces == other.namespaces
            && self.links == other.links
            && self.services == other.services
            && self.probes == other.probes
            && self.not_watched == other.not_watched
    }

    /// Returns the first address outside the agent's own namespace, as a suggestion to ping.
    #[must_use]
    pub fn somewhere_to_ping(&self) -> Option<IpAddr> {
        let ends = self.links.iter().flat_map(|link| link.b.iter().chain([&link.a]));
        let elsewhere = ends.filter(|end| !end.namespace.is_root());
        elsewhere.flat_map(|end| &end.addresses).map(IpNet::addr).next()
    }
}

impl Agent {
    /// This version of netmon, which began to serve at `started_at`.
    #[must_use]
    pub fn of_this_version(started_at: SystemTime) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), started_at_unix_ms: unix_ms(started_at) }
    }
}

impl HistoryUse {
    pub(crate) fn of(history: &History, interval: Duration) -> Self {
        Self {
            interval_ms: u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
            seconds: History::SECONDS,
            bytes: history.bytes() as u64,
            max_bytes: history.max_bytes() as u64,
        }
    }
}

impl Default for ColumnNames {
    fn default() -> Self {
        let names = |columns: &[&str]| columns.iter().map(|&name| name.to_owned()).collect();
        Self { direction: names(DirectionWindow::COLUMNS), end: names(EndWindow::COLUMNS) }
    }
}

/// Returns every namespace of a snapshot, sorted.
fn namespaces(snapshot: &Snapshot) -> Vec<NsName> {
    let of_ends = snapshot.links.iter().flat_map(|link| link.ends().map(|end| &end.namespace));
    let others =
        snapshot.labs.iter().flat_map(|lab| lab.namespaces.iter().map(|contents| &contents.namespace));
    let all: BTreeSet<&NsName> = of_ends.chain(others).collect();
    all.into_iter().cloned().collect()
}

impl From<&LinkSnapshot> for TopologyLink {
    fn from(link: &LinkSnapshot) -> Self {
        let amounts = |direction: &DirectionSnapshot| Some(direction.impairment?.impairment.into());
        Self {
            name: link.name.clone(),
            lab: link.lab.clone(),
            a: TopologyEndpoint::from(&link.a),
            b: link.b.as_ref().map(TopologyEndpoint::from),
            impairment: Impairments { a_to_b: amounts(&link.a_to_b), b_to_a: amounts(&link.b_to_a) },
        }
    }
}

impl From<&ProbeSnapshot> for ProbeState {
    fn from(probe: &ProbeSnapshot) -> Self {
        Self {
            from: probe.from.clone(),
            kind: probe.kind.to_owned(),
            name: probe.name.clone(),
            target: probe.target.clone(),
            interval_ns: nanoseconds(probe.interval),
            success: probe.success,
            error: probe.error.clone(),
        }
    }
}

impl From<&EndpointSnapshot> for TopologyEndpoint {
    fn from(end: &EndpointSnapshot) -> Self {
        Self {
            namespace: end.namespace.clone(),
            interface: end.interface.clone(),
            ifindex: end.ifindex,
            addresses: end.addresses.clone(),
            up: end.up,
            drift: end.drift.clone(),
            ingress_attached: end.hooks.ingress.attached,
            egress_attached: end.hooks.egress.attached,
        }
    }
}
