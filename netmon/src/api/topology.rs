//! `/api/v1/topology`: the links and whether they are watched. No counts.

use std::net::IpAddr;

use ipnet::IpNet;
use netmon_model::{
    drift::Drift,
    names::{IfIndex, IfName, LinkName, NsName},
    snapshot::{AttachMode, EndpointSnapshot, Features, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::{Lab, unix_ms};

/// The topology as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The lab that is watched; null when none is.
    pub lab: Option<Lab>,
    /// What this kernel can measure, and how programs are attached.
    pub features: Features,
    /// Every link, in the order of the lab file.
    pub links: Vec<TopologyLink>,
}

/// A link and its two ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyLink {
    /// The link's name.
    pub name: LinkName,
    /// End `a`.
    pub a: TopologyEndpoint,
    /// End `b`; null while the peer of `a` is not known.
    pub b: Option<TopologyEndpoint>,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyEndpoint {
    /// The namespace that it is in; `root` is the agent's own.
    pub namespace: NsName,
    /// The interface.
    pub interface: IfName,
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
    /// The topology in a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let links = snapshot.links.iter().map(|link| TopologyLink {
            name: link.name.clone(),
            a: TopologyEndpoint::from(&link.a),
            b: link.b.as_ref().map(TopologyEndpoint::from),
        });
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            lab: Lab::of_first(snapshot),
            features: snapshot.features,
            links: links.collect(),
        }
    }

    /// Returns the first address outside the agent's own namespace, as a suggestion to ping.
    #[must_use]
    pub fn somewhere_to_ping(&self) -> Option<IpAddr> {
        let ends = self.links.iter().flat_map(|link| link.b.iter().chain([&link.a]));
        let elsewhere = ends.filter(|end| !end.namespace.is_root());
        elsewhere.flat_map(|end| &end.addresses).map(IpNet::addr).next()
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
