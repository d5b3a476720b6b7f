//! `[[bridge]]`, and `bridge` of a link's end: the ports of each bridge, whether it is the lab's or not. Refuses loops.

use std::{collections::HashSet, ops::Range};

use ipnet::IpNet;
use netmon_model::{
    lab::Bridge,
    names::{IfName, NsName, ROOT},
    text::quoted,
};

use super::{
    index::{Index, Joined},
    interface::{interface_name, read_addresses},
    report::Report,
    section::{Section, Text},
};

/// Ports of a bridge: ten bits number them, and 0 is none (`BR_MAX_PORTS` in the kernel's `net/bridge`).
pub const MAX_PORTS: usize = 1023;

/// A bridge of the file.
enum ReadBridge {
    /// One that the lab creates.
    Owned(Bridge),
    /// One in root that exists.
    Foreign(IfName),
}

/// Reads all sections: the bridges that the lab creates, and the names of those that exist.
pub(super) fn read_all(
    sections: &[Section<'_, '_>],
    index: &mut Index,
    report: &mut Report<'_>,
) -> (Vec<Bridge>, Vec<IfName>) {
    let (mut owned, mut foreign) = (Vec::new(), Vec::new());
    for section in sections {
        match read(section, index, report) {
            Some(ReadBridge::Owned(bridge)) => owned.push(bridge),
            Some(ReadBridge::Foreign(name)) => foreign.push(name),
            None => {}
        }
    }
    (owned, foreign)
}

/// Reads one section, and declares the bridge and its addresses.
fn read(section: &Section<'_, '_>, index: &mut Index, report: &mut Report<'_>) -> Option<ReadBridge> {
    let written = section.string("namespace", report);
    let is_owned = section.boolean("owned", report).unwrap_or(true);
    if !is_owned {
        refuse_for_foreign(section, written.as_ref(), report);
    }
    let namespace = written.and_then(|name| index.namespace(&name, report));
    if namespace.is_none() {
        index.lose_address(None);
    }
    let written = section.string("name", report);
    let name = written.as_ref().and_then(|name| interface_name(name, "a bridge", report));
    if let (Some(namespace), Some(name), Some(written)) = (&namespace, &name, &written) {
        index.declare_interface(namespace, name, written, report);
        index.declare_bridge(namespace, name);
    } else {
        index.lose_bridge();
    }
    let addresses = read_addresses(section, namespace.as_ref(), &HashSet::new(), index, report);
    let (name, namespace) = (name?, namespace?);
    Some(if is_owned {
        ReadBridge::Owned(Bridge { name, namespace, addresses })
    } else {
        ReadBridge::Foreign(name)
    })
}

/// Refuses what a lab cannot say of a bridge that it does not own.
fn refuse_for_foreign(section: &Section<'_, '_>, namespace: Option<&Text<'_>>, report: &mut Report<'_>) {
    if let Some(addresses) = section.get("addresses") {
        let message = "`addresses` would change a bridge that the lab does not own";
        report.error(addresses.span(), message, "remove it: a bridge with `owned = false` stays as it is");
    }
    if let Some(elsewhere) = namespace.filter(|name| *name.get_ref() != ROOT) {
        let message = "a bridge that the lab does not own must be in root";
        let help = "write namespace = \"root\", or remove `owned = false` for a bridge that the lab creates";
        report.error(elsewhere.span(), message, help);
    }
}

/// Reads the bridge that an end in `namespace` is a port of, with its place.
pub(super) fn port_of(
    end: &Section<'_, '_>,
    namespace: Option<&NsName>,
    addresses: &[IpNet],
    index: &mut Index,
    report: &mut Report<'_>,
) -> Option<(IfName, Range<usize>)> {
    let written = end.string("bridge", report)?;
    let bridge = interface_name(&written, "a bridge", report)?;
    if let Some(address) = addresses.first() {
        let message = format!("a port of bridge {bridge} cannot have the address {address}");
        let help =
            format!("remove it, or give it to the bridge: addresses = [\"{address}\"] in its [[bridge]]");
        report.error(written.span(), message, help);
    }
    let namespace = namespace?;
    match index.add_port(namespace, &bridge) {
        Some(ports) if ports == MAX_PORTS + 1 => {
            let message = format!("bridge {bridge} in {namespace} has more than {MAX_PORTS} ports");
            report.error(
                written.span(),
                message,
                "divide the ports between two bridges, and join these by a link",
            );
        }
        None if index.knows_all_bridges() => {
            let message = format!("there is no bridge {} in namespace {namespace}", quoted(bridge.as_str()));
            let help = match index.bridge_elsewhere(&bridge) {
                Some(elsewhere) => {
                    format!("it is in {elsewhere}: a port must be in the namespace of its bridge")
                }
                None => {
                    format!("declare it: [[bridge]] with name = \"{bridge}\" and namespace = \"{namespace}\"")
                }
            };
            report.error(written.span(), message, help);
        }
        _ => {}
    }
    Some((bridge, written.span()))
}

/// An end that is a port of a bridge.
#[derive(Clone, Copy)]
pub(super) struct Port<'a> {
    pub(super) namespace: &'a NsName,
    pub(super) bridge: &'a IfName,
    /// Where it is written.
    pub(super) at: &'a Range<usize>,
}

/// Refuses a link between bridges that are already joined. Packets would loop and multiply, because these bridges do not
/// run the spanning tree protocol.
pub(super) fn check_loop(
    a: Option<Port<'_>>,
    b: Option<Port<'_>>,
    index: &mut Index,
    report: &mut Report<'_>,
) {
    let (Some(a), Some(b)) = (a, b) else { return };
    if index.join((a.namespace, a.bridge), (b.namespace, b.bridge)) == Joined::Before {
        let message =
            format!("the link closes a loop of bridges: {} and {} are already joined", a.bridge, b.bridge);
        report.error(
            b.at.clone(),
            message,
            "remove `bridge` from one end, or remove the link: a broadcast would loop forever",
        );
    }
}
