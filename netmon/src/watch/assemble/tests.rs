//! Each field of a snapshot comes from one place, also where something is missing.

use std::sync::Arc;

use netmon_ebpf::{Protocol, abi::ParseStop};
use netmon_model::{
    by::Ends,
    drift::Drift,
    fixtures::histogram_of,
    impairment::Impairment,
    names::{Cookie, IfIndex, InterfaceId},
    snapshot::{Audit, ErrorKind, LabInfo, Traffic},
};

use super::*;
use crate::{
    datapath::Departures,
    watch::inventory::{Change, Label, Origin},
};

const A: EndpointId = EndpointId(0);
const B: EndpointId = EndpointId(1);

fn at(number: u32) -> InterfaceId {
    InterfaceId { netns: Cookie(u64::from(number)), ifindex: IfIndex(number + 2) }
}

fn appeared(number: u32) -> Change {
    let label = Label {
        namespace: format!("ns{number}").parse().unwrap(),
        interface: format!("veth{number}").parse().unwrap(),
        addresses: vec![format!("10.0.0.{number}/24").parse().unwrap()],
        origin: Origin::Found,
    };
    Change::Appeared { at: at(number), label, slot: None }
}

/// A link of which the first `ends` ends exist.
fn inventory(ends: u32) -> Inventory {
    let mut inventory = Inventory::default();
    let link = "link".parse().unwrap();
    inventory.apply(Change::Joined { link, rank: 0, ends: Ends { a: Some(at(0)), b: Some(at(1)) } });
    for number in 0..ends {
        inventory.apply(appeared(number));
    }
    inventory
}

/// The counts of an endpoint that sent `segments` segments, each as a packet, of which three were lost.
fn counted(segments: u64) -> EndpointCounts {
    let mut counts = EndpointCounts { attached: Some(AttachMode::Tcx), ..EndpointCounts::default() };
    counts.hooks.egress.segments = segments;
    counts.hooks.egress.protocols[Protocol::Udp] = Traffic { packets: segments, bytes: 100 * segments };
    counts.departures =
        Some(Departures { latency: histogram_of([1_000_000]), lost_segments: 3, parts: None });
    counts
}

fn counts() -> Counts {
    Counts {
        monotonic_ns: 7,
        endpoints: [(A, Box::new(counted(10))), (B, Box::new(counted(20)))].into(),
        parse_exits: vec![(ParseStop::VlanDepth, 1)],
        errors: vec![(ErrorKind::Audit, 2)],
        ..Counts::default()
    }
}

fn up() -> InterfaceState {
    InterfaceState { exists: true, up: true, hooks_gone: false, drift: Vec::new() }
}

#[test]
fn counts_come_from_the_datapath_and_names_from_the_inventory() {
    let states = [(A, up()), (B, up())].into();
    let snapshot = assemble(&inventory(2), counts(), Observed { interfaces: states, ..Observed::default() });
    assert_eq!((snapshot.monotonic_ns, snapshot.labs.len()), (7, 0));
    assert_eq!(snapshot.parse_exits, [(ParseStop::VlanDepth, 1)]);
    assert_eq!(snapshot.errors, [(ErrorKind::Audit, 2)]);
    let link = &snapshot.links[0];
    let b = link.b.as_ref().unwrap();
    assert_eq!((link.a.namespace.as_str(), b.interface.as_str(), b.ifindex), ("ns0", "veth1", IfIndex(3)));
    assert_eq!((link.a.hooks.egress.packets(), b.hooks.egress.bytes()), (10, 2000));
    assert_eq!(link.a.hooks.ingress.attached, Some(AttachMode::Tcx));
    assert!(link.a.up && b.up && link.a.drift.is_empty());
    assert_eq!((link.a_to_b.lost_segments, link.b_to_a.lost_segments), (Some(3), Some(3)));
    assert_eq!(link.a_to_b.latency, Some(histogram_of([1_000_000])));
}

#[test]
fn a_link_with_one_end_has_counts_and_nothing_that_needs_both() {
    let mut counts = counts();
    counts.endpoints.remove(&B);
    let snapshot = assemble(&inventory(1), counts, Observed::default());
    let link = &snapshot.links[0];
    assert_eq!((link.a.hooks.egress.packets(), link.b.is_none()), (10, true));
    assert_eq!((&link.a_to_b, &link.b_to_a), (&DirectionSnapshot::default(), &DirectionSnapshot::default()));
    assert_eq!(link.directions().count(), 0);
}

#[test]
fn an_endpoint_without_counts_is_there_with_zeros() {
    let snapshot = assemble(&inventory(2), Counts::default(), Observed::default());
    let link = &snapshot.links[0];
    assert_eq!((link.a.hooks.egress.packets(), link.a.hooks.egress.attached), (0, None));
    assert_eq!(link.a_to_b, DirectionSnapshot::default());
}

#[test]
fn programs_that_went_with_their_interface_are_not_attached_and_what_it_lost_is_drift() {
    let gone = InterfaceState { hooks_gone: true, drift: vec![Drift::Deleted], ..InterfaceState::default() };
    let states = [(A, gone), (B, up())].into();
    let snapshot = assemble(&inventory(2), counts(), Observed { interfaces: states, ..Observed::default() });
    let link = &snapshot.links[0];
    assert_eq!((link.a.hooks.egress.attached, link.a.up), (None, false));
    assert_eq!(link.a.drift, [Drift::Deleted]);
    assert_eq!(link.b.as_ref().unwrap().hooks.egress.attached, Some(AttachMode::Tcx));
}

#[test]
fn an_audit_stands_at_its_hook_while_the_interface_exists() {
    let audit = Audit {
        taken_at: SystemTime::UNIX_EPOCH,
        hook_packets: 10,
        kernel_packets: 9,
        explained: Vec::new(),
        difference: 1,
    };
    let audits = [(A, Hooks { ingress: None, egress: Some(Arc::new(audit)) })].into();
    let mut states: HashMap<EndpointId, InterfaceState> = [(A, up())].into();
    let audited = |states: &HashMap<EndpointId, InterfaceState>| {
        let observed = Observed { interfaces: states.clone(), audits: Some(&audits), ..Observed::default() };
        let mut snapshot = assemble(&inventory(2), counts(), observed);
        let a = snapshot.links.remove(0).a;
        (a.hooks.ingress.audit.is_some(), a.hooks.egress.audit.is_some())
    };
    assert_eq!(audited(&states), (false, true));
    states.insert(A, InterfaceState::default());
    assert_eq!(audited(&states), (false, false));
}

#[test]
fn an_impairment_stands_at_the_direction_that_it_is_declared_for() {
    let impairment = Impairment { loss: "1%".parse().ok(), ..Impairment::default() };
    let mut baselines = Baselines::default();
    baselines.declare(A, impairment, Some(&counted(4)));
    let observed = Observed { baselines: Some(&baselines), ..Observed::default() };
    let snapshot = assemble(&inventory(2), counts(), observed);
    let stats = snapshot.links[0].a_to_b.impairment.unwrap();
    assert_eq!((stats.impairment, stats.sent_segments, stats.lost_segments), (impairment, 6, Some(0)));
    assert_eq!(snapshot.links[0].b_to_a.impairment, None);
}

#[test]
fn labs_are_listed_one_by_one() {
    let lab = |name: &str| LabInfo {
        name: name.parse().unwrap(),
        file: format!("{name}.toml"),
        applied_at: SystemTime::UNIX_EPOCH,
        persists: false,
        namespaces: Vec::new(),
    };
    let mut inventory = inventory(2);
    inventory.set_lab(lab("one"));
    inventory.set_lab(lab("two"));
    inventory.set_lab(LabInfo { persists: true, ..lab("one") });
    let labs = assemble(&inventory, counts(), Observed::default()).labs;
    let named: Vec<_> = labs.iter().map(|lab| (lab.name.as_str(), lab.persists)).collect();
    assert_eq!(named, [("one", true), ("two", false)]);
    inventory.remove_lab(&"one".parse().unwrap());
    assert_eq!(assemble(&inventory, counts(), Observed::default()).labs.len(), 1);
}
