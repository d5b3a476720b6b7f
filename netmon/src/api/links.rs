//! `/api/v1/links`: counts, rates and latencies of every link, in both directions.

use std::{collections::BTreeMap, time::Duration};

use ipnet::IpNet;
use netmon_ebpf::Protocol;
use netmon_model::{
    audit::Cause,
    drift::Drift,
    histogram::Histogram,
    mac::Mac,
    names::{Direction, EndName, IfIndex, LabName, LinkName, NsName, Side},
    snapshot::{self, AttachMode, EndpointSnapshot, LinkSnapshot, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::{DeclaredImpairment, Lab, RoundTripParts, RoundTrips, Summary, by_label, to_thousandth, unix_ms};
use crate::live::{HookRates, HookTotals, LinkTotals, Second};

/// Which links are requested: the query of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichLinks {
    /// Only this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
}

/// Every link with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// The lab that is watched; null if there is none.
    pub lab: Option<Lab>,
    /// The period of rates and recent latencies; null in the agent's first moments.
    pub window_seconds: Option<f64>,
    /// Every link, in the order of the lab file.
    pub links: Vec<Link>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The link's name.
    pub name: LinkName,
    /// The lab that it is part of; null if it was found on the host.
    #[serde(default)]
    pub lab: Option<LabName>,
    /// End `a`.
    pub a: Endpoint,
    /// End `b`; null while the peer of `a` is not known.
    pub b: Option<Endpoint>,
    /// From `a` to `b`; null without both ends.
    pub a_to_b: Option<LinkDirection>,
    /// From `b` to `a`; null without both ends.
    pub b_to_a: Option<LinkDirection>,
    /// Round trips over this link, taken apart.
    pub round_trip_parts: RoundTripParts,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The namespace that it is in; `root` is the agent's own.
    pub namespace: NsName,
    /// The interface.
    pub interface: EndName,
    /// The interface's number in its namespace.
    pub ifindex: IfIndex,
    /// What the interface is; null for an end of a lab's veth pair.
    #[serde(default)]
    pub device: Option<Device>,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
    /// Whether the interface exists and is up.
    pub up: bool,
    /// How it differs from the lab because of another program.
    #[serde(default)]
    pub drift: Vec<Drift>,
    /// Packets that arrived in the namespace.
    pub ingress: Hook,
    /// Packets that left the namespace.
    pub egress: Hook,
    /// Packets that left without a stamp, so without a latency sample.
    pub unstamped_packets: u64,
    /// Packets that arrived with a delivery time that is not the peer's stamp, by reason.
    #[serde(default)]
    pub refused_stamps: BTreeMap<String, u64>,
    /// Packets that arrived and whose departure is not known, so without a latency sample; only of links that were found.
    #[serde(default)]
    pub unjoined_packets: u64,
    /// Packets that the kernel dropped on this interface, by its reason; null if the kernel does not report drops.
    pub dropped_packets: Option<BTreeMap<String, u64>>,
    /// Round trips measured here.
    pub round_trips: RoundTrips,
}

/// What an interface is that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its own name, which a runtime may have made up.
    pub name: String,
    /// Its kind, as the kernel names it.
    pub kind: String,
    /// Its link-layer address; null if it has none.
    pub mac: Option<Mac>,
    /// The bridge that it is a port of; null if it is none's.
    pub bridge: Option<String>,
}

impl From<&snapshot::Device> for Device {
    fn from(device: &snapshot::Device) -> Self {
        let snapshot::Device { name, kind, mac, bridge } = device.clone();
        Self { name, kind, mac, bridge }
    }
}

/// What passed one hook. Rates are over [`Links::window_seconds`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// How the program is attached; null when it is not.
    pub attached: Option<AttachMode>,
    /// Packets; a super-packet is one.
    pub packets: u64,
    /// Bytes, link-layer header included.
    pub bytes: u64,
    /// Packets on the wire.
    pub segments: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Rate of `packets`.
    pub packets_per_second: Option<f64>,
    /// Rate of `bytes`.
    pub bytes_per_second: Option<f64>,
    /// Rate of `segments`.
    pub segments_per_second: Option<f64>,
    /// Rate of `wire_bytes`.
    pub wire_bytes_per_second: Option<f64>,
    /// By protocol.
    pub protocols: BTreeMap<String, ProtocolCount>,
    /// The kernel's own count beside `packets`; null until they could be compared.
    pub audit: Option<Audit>,
}

/// netmon's count of packets at a hook beside the kernel's, when two readings of the kernel were equal:
/// `hook_packets = kernel_packets + explained + difference`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Wall-clock time at which the comparison began, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// Packets that passed the hook.
    pub hook_packets: u64,
    /// Packets that the kernel counted since the interface was made.
    pub kernel_packets: u64,
    /// Explained packets of the difference, by cause; negative where the kernel counted more.
    pub explained_packets: BTreeMap<String, i64>,
    /// The unexplained rest: above zero, packets vanished behind the hook; below zero, packets bypassed it.
    pub difference_packets: i64,
}

impl From<&snapshot::Audit> for Audit {
    fn from(audit: &snapshot::Audit) -> Self {
        Self {
            taken_at_unix_ms: unix_ms(audit.taken_at),
            hook_packets: audit.hook_packets,
            kernel_packets: audit.kernel_packets,
            explained_packets: by_label(&audit.explained, Cause::label),
            difference_packets: audit.difference,
        }
    }
}

/// Packets and bytes of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolCount {
    /// Packets.
    pub packets: u64,
    /// Bytes, link-layer header included.
    pub bytes: u64,
}

/// One direction of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkDirection {
    /// Where packets leave.
    pub from: EndpointName,
    /// Where they arrive.
    pub to: EndpointName,
    /// One-way latency since the agent began; null where the kernel cannot stamp packets.
    pub latency: Option<Summary>,
    /// The same over [`Links::window_seconds`].
    pub recent_latency: Option<Summary>,
    /// The part of the latency in the queue of the sending interface; null where hooks measure, which see only the whole.
    #[serde(default)]
    pub queue: Option<Summary>,
    /// The part from the driver of the sending interface to the arrival; null as `queue` is.
    #[serde(default)]
    pub crossing: Option<Summary>,
    /// Segments that left and did not arrive; null where the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
    /// The declared impairment and its measured effect; null without one.
    pub impairment: Option<DeclaredImpairment>,
}

/// Which endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointName {
    /// The namespace.
    pub namespace: NsName,
    /// The interface.
    pub interface: EndName,
}

/// The earlier totals of a link, from which its rates are computed.
#[derive(Clone, Copy)]
struct Base<'a> {
    totals: &'a LinkTotals,
    window: Duration,
}

impl Links {
    /// Takes the links of a snapshot. Rates are `None` without an earlier second to compute them from.
    pub(crate) fn of(snapshot: &Snapshot, earlier: Option<&Second>, which: &WhichLinks) -> Self {
        let base = earlier.and_then(|second| Some((second, second.window_until(snapshot.monotonic_ns)?)));
        let is_requested = |link: &&LinkSnapshot| which.link.as_ref().is_none_or(|name| *name == link.name);
        let link = |link| {
            let base = base.and_then(|(second, window)| Some(Base { totals: second.link(link)?, window }));
            Link::of(link, base)
        };
        Self {
            taken_at_unix_ms: unix_ms(snapshot.taken_at),
            lab: Lab::of_first(snapshot),
            window_seconds: base.map(|(_, window)| to_thousandth(window.as_secs_f64())),
            links: snapshot.links.iter().filter(is_requested).map(link).collect(),
        }
    }
}

#[cfg(test)]
impl Links {
    /// The links in a snapshot, before there are rates.
    pub(crate) fn without_rates(snapshot: &Snapshot) -> Self {
        Self::of(snapshot, None, &WhichLinks::default())
    }
}

impl Link {
    fn of(link: &LinkSnapshot, base: Option<Base<'_>>) -> Self {
        let endpoint = |side, end| Endpoint::of(end, side, base);
        let (a, b) = (endpoint(Side::A, &link.a), link.b.as_ref().map(|b| endpoint(Side::B, b)));
        let direction = |from, sender: &Endpoint, receiver: &Endpoint| {
            LinkDirection::of(link, from, (sender, receiver), base)
        };
        Self {
            name: link.name.clone(),
            lab: link.lab.clone(),
            a_to_b: b.as_ref().map(|b| direction(Side::A, &a, b)),
            b_to_a: b.as_ref().map(|b| direction(Side::B, b, &a)),
            a,
            b,
            round_trip_parts: RoundTripParts::of(link, base.map(|base| base.totals)),
        }
    }

    /// Returns the known ends.
    pub fn ends(&self) -> impl Iterator<Item = &Endpoint> {
        std::iter::once(&self.a).chain(&self.b)
    }

    /// Returns both directions, each with the hook that packets leave through; nothing without both ends.
    pub fn directions(&self) -> impl Iterator<Item = (&LinkDirection, &Hook)> {
        let from_a = self.a_to_b.as_ref().map(|direction| (direction, &self.a.egress));
        let from_b = self.b_to_a.as_ref().zip(self.b.as_ref().map(|b| &b.egress));
        from_a.into_iter().chain(from_b)
    }
}

impl Endpoint {
    fn of(end: &EndpointSnapshot, side: Side, base: Option<Base<'_>>) -> Self {
        let hook = |direction| {
            let before = base.and_then(|base| Some((base.totals.end(side)?.hooks[direction], base.window)));
            Hook::of(&end.hooks[direction], before)
        };
        Self {
            namespace: end.namespace.clone(),
            interface: end.interface.clone(),
            ifindex: end.ifindex,
            device: end.device.as_ref().map(Device::from),
            addresses: end.addresses.clone(),
            up: end.up,
            drift: end.drift.clone(),
            ingress: hook(Direction::Ingress),
            egress: hook(Direction::Egress),
            unstamped_packets: end.unstamped_packets,
            refused_stamps: end
                .refused_stamps
                .iter()
                .map(|(why, count)| (why.label().to_owned(), *count))
                .collect(),
            unjoined_packets: end.unjoined_packets,
            dropped_packets: end.drops.as_ref().map(|drops| drops.iter().cloned().collect()),
            round_trips: RoundTrips::from(&end.round_trips),
        }
    }
}

impl Hook {
    fn of(counters: &snapshot::HookCounters, before: Option<(HookTotals, Duration)>) -> Self {
        let now = HookTotals::from(counters);
        let rates = before.map(|(totals, window)| now.rates_since(totals, window));
        let rate = |pick: fn(&HookRates) -> f64| rates.as_ref().map(pick).map(to_thousandth);
        let count = |(protocol, counted): (Protocol, &snapshot::Traffic)| {
            let count = ProtocolCount { packets: counted.packets, bytes: counted.bytes };
            (protocol.label().to_owned(), count)
        };
        Self {
            attached: counters.attached,
            packets: now.packets,
            bytes: now.bytes,
            segments: now.segments,
            wire_bytes: now.wire_bytes,
            packets_per_second: rate(|rates| rates.packets),
            bytes_per_second: rate(|rates| rates.bytes),
            segments_per_second: rate(|rates| rates.segments),
            wire_bytes_per_second: rate(|rates| rates.wire_bytes),
            protocols: counters.protocols.iter().map(count).collect(),
            audit: counters.audit.as_deref().map(Audit::from),
        }
    }
}

impl LinkDirection {
    fn of(
        link: &LinkSnapshot,
        from: Side,
        (sender, receiver): (&Endpoint, &Endpoint),
        base: Option<Base<'_>>,
    ) -> Self {
        let name = |end: &Endpoint| EndpointName {
            namespace: end.namespace.clone(),
            interface: end.interface.clone(),
        };
        let direction = link.direction_from(from);
        let recent = |now: &Histogram| {
            let before = base?.totals.latency(from)?;
            Some(Summary::from(&now.since(before)))
        };
        let recent_latency = direction.latency.as_ref().and_then(recent);
        let declared = |stats| DeclaredImpairment::of(stats, recent_latency.as_ref(), &receiver.ingress);
        Self {
            from: name(sender),
            to: name(receiver),
            latency: direction.latency.as_ref().map(Summary::from),
            queue: direction.parts.as_ref().map(|parts| Summary::from(&parts.queue)),
            crossing: direction.parts.as_ref().map(|parts| Summary::from(&parts.crossing)),
            lost_segments: direction.lost_segments,
            impairment: direction.impairment.as_ref().map(declared),
            recent_latency,
        }
    }
}
