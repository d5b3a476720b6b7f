//! The events of the stream, as the data that is drawn.

use netmon_model::{by::Ends, names::NsName, snapshot::NamespaceContents};

use super::{
    data::{End, EndFrame, Frame, Latency, Link, LinkFrame, Namespace, Pass, Probe, ProbeFrame, Topology},
    state::Message,
};
use crate::api::{self, DirectionWindow, EndWindow, Event};

/// Returns the message of an event. `None` for the farewell, after which the stream ends.
pub(super) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Topology(topology) => Some(Message::Topology(of_topology(*topology))),
        Event::History(window) => Some(Message::History(frame(window))),
        Event::Rates(window) => Some(Message::Frame(frame(window))),
        Event::Bye(_) => None,
    }
}

fn of_topology(topology: api::Topology) -> Topology {
    let contents = topology.lab.as_ref().map_or(&[][..], |lab| lab.namespaces.as_slice());
    let namespaces = topology.namespaces.iter().map(|name| namespace(name, contents)).collect();
    let probes = topology.probes.into_iter().map(probe).collect();
    Topology {
        started_at_ms: topology.agent.started_at_unix_ms,
        lab: topology.lab.map(|lab| (lab.name.to_string(), lab.file)),
        namespaces,
        links: topology.links.into_iter().map(link).collect(),
        probes,
        not_watched: topology.not_watched,
    }
}

fn namespace(name: &NsName, contents: &[NamespaceContents]) -> Namespace {
    let contents = contents.iter().find(|contents| contents.namespace == *name);
    let (bridges, services) =
        contents.map_or_else(Default::default, |is| (is.bridges.clone(), is.services.clone()));
    Namespace { name: name.clone(), bridges, services }
}

fn link(link: api::TopologyLink) -> Link {
    Link {
        name: link.name,
        ends: Ends { a: Some(end(link.a)), b: link.b.map(end) },
        impairments: Ends { a: link.impairment.a_to_b, b: link.impairment.b_to_a },
    }
}

fn end(end: api::TopologyEndpoint) -> End {
    End {
        namespace: end.namespace,
        interface: end.interface,
        addresses: end.addresses.iter().map(ToString::to_string).collect(),
        is_up: end.up,
        is_watched: end.ingress_attached.is_some() && end.egress_attached.is_some(),
        drift: end.drift,
    }
}

fn probe(probe: api::ProbeState) -> Probe {
    let api::ProbeState { from, kind, name, target, interval_ns, success, error } = probe;
    Probe { from, kind, name, target, interval_ns, success, error }
}

fn frame(window: api::Window) -> Frame {
    let of_probe =
        |now: api::ProbeNow| ProbeFrame { last_ns: now.last_ns, failures_total: now.failures_total };
    Frame {
        at_ms: window.ended_at_unix_ms,
        window_ms: window.window_ms,
        links: window.links.iter().map(|link| link.as_ref().map(of_link)).collect(),
        probes: window.probes.into_iter().flatten().map(of_probe).collect(),
    }
}

fn of_link(window: &api::LinkWindow) -> LinkFrame {
    let api::LinkWindow(a_to_b, b_to_a, at_a, at_b) = window;
    LinkFrame {
        passed: Ends { a: a_to_b.as_ref().map(pass), b: b_to_a.as_ref().map(pass) },
        ends: Ends { a: at_a.as_ref().map(of_end), b: at_b.as_ref().map(of_end) },
    }
}

fn pass(window: &DirectionWindow) -> Pass {
    Pass {
        packets_total: window.packets_total,
        packets: window.packets,
        wire_bytes: window.wire_bytes,
        lost_total: window.lost_total,
        lost: window.lost,
        latency: latency(window),
    }
}

/// Returns `None` if latency is not measured.
fn latency(window: &DirectionWindow) -> Option<Latency> {
    let (first, octaves) = window.octaves.as_deref()?.split_first().unwrap_or((&0, &[]));
    Some(Latency {
        count: window.latency_count?,
        p50_ns: window.p50_ns,
        p99_ns: window.p99_ns,
        max_bound_ns: window.max_bound_ns,
        // An exponent beyond 63 would be no time of this universe; it is shown as the largest.
        first_octave: u32::try_from(*first).unwrap_or(63).min(63),
        octaves: octaves.into(),
    })
}

fn of_end(window: &EndWindow) -> EndFrame {
    EndFrame {
        icmp_count: window.icmp_count,
        icmp_sum_ns: window.icmp_sum_ns,
        tcp_rtt_count: window.tcp_rtt_count.unwrap_or(0),
        tcp_rtt_sum_ns: window.tcp_rtt_sum_ns.unwrap_or(0),
        retransmits: window.retransmits,
        dropped: window.dropped,
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn a_window_of_the_stream_is_a_frame() {
        let direction = r#"[9,3,300,3,null,null,3,900,300,400,512,[8,1,2]]"#;
        let text = format!(
            r#"{{"t":5000,"generation":1,"window_ms":1000.5,"links":[[{direction},null,[1,40,null,null,0,2],null],null],
                "probes":[[700,1]]}}"#
        );
        let window: api::Window = serde_json::from_str(&text).unwrap();
        let frame = frame(window);
        let link = frame.links[0].as_ref().unwrap();
        let passed = link.passed.a.as_ref().unwrap();
        assert_eq!((frame.at_ms, frame.window_ms, frame.links[1].is_none()), (5000, 1000.5, true));
        assert_eq!(
            (passed.packets_total, passed.packets, passed.bits(), passed.lost),
            (Some(9), 3, 2400, None)
        );
        let latency = passed.latency.as_ref().unwrap();
        assert_eq!((latency.first_octave, &*latency.octaves), (8, &[1, 2][..]));
        assert_eq!(link.passed.b, None);
        assert_eq!(link.ends.a.unwrap().dropped, Some(2));
        assert_eq!(frame.probes[0].last_ns, Some(700));
    }

    #[test]
    fn a_direction_without_latency_has_none_and_one_without_samples_is_empty() {
        let of = |columns: &str| {
            let window: DirectionWindow =
                serde_json::from_str(&format!("[1,1,1,1,null,null,{columns}]")).unwrap();
            pass(&window).latency
        };
        assert_eq!(of("null,null,null,null,null,null"), None);
        assert_eq!(of("0,0,null,null,null,[]"), Some(Latency::default()));
    }

    #[test]
    fn services_and_bridges_are_of_their_namespace() {
        let contents = &fixtures::direct().labs[0].namespaces;
        let found = namespace(&contents[0].namespace, contents);
        assert_eq!(
            (found.services, found.bridges),
            (contents[0].services.clone(), contents[0].bridges.clone())
        );
        assert_eq!(namespace(&"other".parse().unwrap(), contents).services, [""; 0]);
    }
}
