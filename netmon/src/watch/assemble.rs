//! Assembles a snapshot: the only place that fills its fields.
//!
//! Pure: the inventory says what is watched, the datapath what it counted, the others what they observed. No function here
//! calls the kernel, so every field is tested without root.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId, LabName},
    snapshot::{
        AttachMode, Device, DirectionSnapshot, EndpointSnapshot, Features, HookCounters, HostSnapshot,
        LinkSnapshot, ProbeSnapshot, Snapshot,
    },
};

use super::{
    audit::Audited,
    baselines::Baselines,
    interfaces::InterfaceState,
    inventory::{Endpoint, Inventory, Link, Origin},
};
use crate::datapath::{Counts, EndpointCounts};

/// What was observed in addition to the counts.
pub(super) struct Observed<'o> {
    /// Wall-clock time of the reading.
    pub(super) taken_at: SystemTime,
    /// What this kernel can do.
    pub(super) features: Features,
    /// The state of interfaces; empty if they are not followed.
    pub(super) interfaces: HashMap<EndpointId, InterfaceState>,
    /// What interfaces are that were found.
    pub(super) devices: HashMap<EndpointId, Device>,
    /// What discovery knows of the host. `None` if links are not discovered.
    pub(super) host: Option<Arc<HostSnapshot>>,
    /// The latest audits.
    pub(super) audits: Option<&'o HashMap<EndpointId, Audited>>,
    /// The impairments in force.
    pub(super) baselines: Option<&'o Baselines>,
    /// Every probe.
    pub(super) probes: Vec<ProbeSnapshot>,
}

impl Default for Observed<'_> {
    fn default() -> Self {
        Self {
            taken_at: SystemTime::UNIX_EPOCH,
            features: Features { mode: AttachMode::Tcx, packet_stamp: false },
            interfaces: HashMap::new(),
            devices: HashMap::new(),
            host: None,
            audits: None,
            baselines: None,
            probes: Vec::new(),
        }
    }
}

/// Assembles a snapshot.
pub(super) fn assemble(inventory: &Inventory, counts: Counts, observed: Observed<'_>) -> Snapshot {
    let Counts { monotonic_ns, mut endpoints, parse_exits, flows, errors, cost } = counts;
    let links = inventory.links().map(|link| link_snapshot(link, &mut endpoints, &observed)).collect();
    Snapshot {
        taken_at: observed.taken_at,
        monotonic_ns,
        labs: inventory.labs().to_vec(),
        features: observed.features,
        links,
        host: observed.host,
        probes: observed.probes,
        parse_exits,
        flows,
        errors,
        cost,
    }
}

fn link_snapshot(
    link: Link<'_>,
    counts: &mut HashMap<EndpointId, Box<EndpointCounts>>,
    observed: &Observed<'_>,
) -> LinkSnapshot {
    // Each is taken out and freed as its part of the snapshot is made, so that not both exist as a whole.
    let mut counted =
        |id: EndpointId| counts.remove(&id).map_or_else(EndpointCounts::default, |counts| *counts);
    let of_a = counted(link.a.id);
    let of_b = link.b.map(|b| (b, counted(b.id)));
    let has_both = of_b.is_some();
    let (a_to_b, a) = endpoint_snapshot(link.a, of_a, has_both, observed);
    let b = of_b.map(|(b, of_b)| endpoint_snapshot(b, of_b, has_both, observed));
    let (b_to_a, b) = b.map_or_else(|| (DirectionSnapshot::default(), None), |(to_a, b)| (to_a, Some(b)));
    LinkSnapshot { name: link.name.clone(), lab: lab_of(link.a), a, b, a_to_b, b_to_a }
}

fn lab_of(endpoint: &Endpoint) -> Option<LabName> {
    match &endpoint.label.origin {
        Origin::Lab(lab) => Some(lab.clone()),
        Origin::Found => None,
    }
}

/// An endpoint, and the direction that starts at it.
fn endpoint_snapshot(
    endpoint: &Endpoint,
    counts: EndpointCounts,
    has_peer: bool,
    observed: &Observed<'_>,
) -> (DirectionSnapshot, EndpointSnapshot) {
    let state = observed.interfaces.get(&endpoint.id);
    let impairment = observed.baselines.and_then(|baselines| baselines.stats(endpoint.id, &counts));
    let departures = counts.departures.filter(|_| has_peer);
    let lost_segments = departures.as_ref().map(|departures| departures.lost_segments);
    let (latency, parts) = departures.map(|departures| (departures.latency, departures.parts)).unzip();
    let direction = DirectionSnapshot {
        lost_segments,
        latency,
        parts: parts.flatten(),
        impairment: impairment.filter(|_| has_peer),
    };
    // Programs go with their interface, whatever this process still holds of them.
    let attached = counts.attached.filter(|_| !state.is_some_and(|state| state.hooks_gone));
    let exists = state.is_none_or(|state| state.exists);
    let audited = observed.audits.and_then(|audits| audits.get(&endpoint.id)).filter(|_| exists);
    let mut counted = counts.hooks;
    let hooks = Hooks::from_fn(|direction: Direction| {
        let counted = std::mem::take(&mut counted[direction]);
        HookCounters {
            attached,
            protocols: counted.protocols,
            segments: counted.segments,
            wire_bytes: counted.wire_bytes,
            audit: audited.and_then(|audited| audited[direction].clone()),
        }
    });
    let snapshot = EndpointSnapshot {
        id: endpoint.id,
        namespace: endpoint.label.namespace.clone(),
        interface: endpoint.label.interface.clone(),
        ifindex: endpoint.at.ifindex,
        device: observed.devices.get(&endpoint.id).cloned(),
        addresses: endpoint.label.addresses.clone(),
        up: state.is_some_and(|state| state.up),
        drift: state.map(|state| state.drift.clone()).unwrap_or_default(),
        hooks,
        unstamped_packets: counts.unstamped_packets,
        refused_stamps: counts.refused_stamps,
        unjoined_packets: counts.unjoined_packets,
        drops: counts.drops,
        round_trips: counts.round_trips,
    };
    (direction, snapshot)
}

#[cfg(test)]
mod tests;
