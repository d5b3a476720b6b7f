//! Links that were found: what has a series before the first event, how many series a pair can have, and what they are.

use std::sync::Arc;

use netmon_model::{
    fixtures::{self, histogram_of},
    mac::Mac,
    snapshot::{
        AttachMode, Device, DirectionSnapshot, EndpointSnapshot, HookCounters, HostSnapshot, LatencyParts,
        LinkSnapshot, RoundTrips, Snapshot,
    },
    survey::{Pod, SkipReason},
};

use super::{Scrape, render};

/// Series of a pair that has seen no packet, as docs/METRICS.md says.
const IDLE: usize = 18;
/// Series of a pair over which everything has been seen, except reasons of drops and codes of DNS, as docs/METRICS.md says.
const MOST: usize = 1_006;
/// The most that a pair has if packets are only counted, as docs/METRICS.md says.
const COUNTED: usize = 72;
/// What each code of DNS adds, and each reason of a drop: one series at each end.
const NAMED: usize = 2;

/// A host with one pair, found and measured by tracing.
fn host(of_end: impl Fn(EndpointSnapshot) -> EndpointSnapshot, direction: &DirectionSnapshot) -> Snapshot {
    let mut snapshot = fixtures::direct();
    let LinkSnapshot { name, a, b, .. } = snapshot.links.remove(0);
    let found = |end: EndpointSnapshot| {
        let device = Device {
            name: format!("dev-{}", end.interface),
            kind: "veth".to_owned(),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            bridge: Some("br0".to_owned()),
        };
        of_end(EndpointSnapshot { device: Some(device), ..end })
    };
    snapshot.links = vec![LinkSnapshot {
        name,
        lab: None,
        a: found(a),
        b: b.map(found),
        a_to_b: direction.clone(),
        b_to_a: direction.clone(),
    }];
    snapshot.host = Some(Arc::new(HostSnapshot::default()));
    snapshot
}

fn idle() -> Snapshot {
    let hook = || HookCounters { attached: Some(AttachMode::Tracing), ..HookCounters::default() };
    let zero = |(kind, _)| (kind, 0);
    let end = |end: EndpointSnapshot| EndpointSnapshot {
        hooks: netmon_model::by::Hooks::from_fn(|_| hook()),
        unstamped_packets: 0,
        refused_stamps: end.refused_stamps.into_iter().map(|(reason, _)| (reason, 0)).collect(),
        drops: Some(Vec::new()),
        round_trips: RoundTrips {
            tcp_connections: end.round_trips.tcp_connections.into_iter().map(zero).collect(),
            tcp_unsure: end.round_trips.tcp_unsure.into_iter().map(|(kind, _)| (kind, 0)).collect(),
            ..RoundTrips::default()
        },
        ..end
    };
    let parts = Some(LatencyParts::default());
    let none = DirectionSnapshot {
        latency: Some(histogram_of([])),
        lost_segments: Some(0),
        parts,
        ..DirectionSnapshot::default()
    };
    host(end, &none)
}

/// Everything has been seen.
fn busy() -> Snapshot {
    let some = || histogram_of([5_000, 70_000]);
    let end = |end: EndpointSnapshot| {
        let mut end = EndpointSnapshot { unjoined_packets: 1, unstamped_packets: 0, ..end };
        end.refused_stamps.clear();
        end.drops = Some(Vec::new());
        for hook in [&mut end.hooks.ingress, &mut end.hooks.egress] {
            (hook.attached, hook.audit) = (Some(AttachMode::Tracing), None);
        }
        let trips = &mut end.round_trips;
        (trips.tcp_rtt, trips.dns) = (Some(some()), Some(some()));
        trips.dns_responses.clear();
        for requests in [&mut trips.icmp_requests, &mut trips.dns_queries] {
            (requests.unanswered, requests.repeated) = (1, 1);
        }
        for count in [
            &mut trips.tcp_retransmits_ingress,
            &mut trips.tcp_retransmits_egress,
            &mut trips.tcp_reordered_ingress,
            &mut trips.tcp_reordered_egress,
        ] {
            *count = 1;
        }
        trips.tcp_connections.iter_mut().for_each(|(_, count)| *count = 1);
        trips.tcp_unsure.iter_mut().for_each(|(_, count)| *count = 1);
        end
    };
    let direction = DirectionSnapshot {
        latency: Some(some()),
        parts: Some(LatencyParts { queue: some(), crossing: some() }),
        lost_segments: Some(3),
        impairment: None,
    };
    host(end, &direction)
}

/// How many series a scrape has that name an end or a direction.
fn series(snapshot: &Snapshot) -> usize {
    let scrape = Scrape::parse(&render(snapshot));
    let of_pair =
        |labels: &super::Labels| labels.contains_key("interface") || labels.contains_key("from_interface");
    scrape.samples.keys().filter(|(_, labels)| of_pair(labels)).count()
}

#[test]
fn the_number_of_series_of_a_pair_is_what_the_documentation_says() {
    assert_eq!((series(&idle()), series(&busy())), (IDLE, MOST));
    let mut named = busy();
    named.links[0].a.drops = Some(vec![("NO_SOCKET".to_owned(), 1)]);
    named.links[0].a.round_trips.dns_responses = vec![("noerror", 1)];
    assert_eq!(series(&named), MOST + NAMED);
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md"));
    let mut counted = busy();
    let link = &mut counted.links[0];
    (link.a_to_b, link.b_to_a) = Default::default();
    for end in std::iter::once(&mut link.a).chain(&mut link.b) {
        (end.unjoined_packets, end.round_trips) = (0, RoundTrips::default());
    }
    assert_eq!(series(&counted), COUNTED);
    for count in [IDLE, MOST, COUNTED] {
        let text = if count >= 1_000 {
            format!("{},{:03}", count / 1_000, count % 1_000)
        } else {
            count.to_string()
        };
        assert!(page.contains(&format!("**{text}** series")), "{text}");
    }
}

#[test]
fn what_has_not_happened_on_a_found_link_has_no_series() {
    let text = render(&idle());
    for absent in
        ["netmon_packets_total{", "netmon_icmp_", "netmon_tcp_", "netmon_link_latency_seconds", "netmon_dns_"]
    {
        let of_pair = |line: &&str| line.starts_with(absent);
        assert_eq!(text.lines().find(of_pair), None, "{absent}");
    }
    assert!(text.contains("netmon_segments_total{link=\"root:veth0--direct_netns:veth1\""), "{text}");
    assert!(
        render(&fixtures::direct()).contains("netmon_tcp_connections_total"),
        "a lab has all from the start"
    );
}

#[test]
fn the_time_in_the_queue_and_that_of_the_crossing_are_apart() {
    let snapshot = busy();
    let scrape = Scrape::parse(&render(&snapshot));
    let labels = [
        ("link", "root:veth0--direct_netns:veth1"),
        ("from", "root"),
        ("from_interface", "veth0"),
        ("to", "direct_netns"),
        ("to_interface", "veth1"),
    ];
    let parts = snapshot.links[0].a_to_b.parts.clone().unwrap();
    super::assert_histogram(&scrape, "netmon_link_queue_seconds", &labels, &parts.queue);
    super::assert_histogram(&scrape, "netmon_link_crossing_seconds", &labels, &parts.crossing);
}

#[test]
fn an_endpoint_and_its_namespace_say_what_they_are() {
    let mut snapshot = idle();
    let survey = fixtures::survey();
    snapshot.links[0].b.as_mut().unwrap().namespace = "shop.web".parse().unwrap();
    let mut namespaces = survey.namespaces;
    namespaces[2].pod =
        Some(Pod { name: "web-0".to_owned(), namespace: "prod".to_owned(), uid: Some("u-1".to_owned()) });
    let skipped = [(SkipReason::Limit, 6)].into();
    snapshot.host = Some(Arc::new(HostSnapshot { namespaces, skipped, ..HostSnapshot::default() }));
    let text = render(&snapshot);
    let line =
        |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(
        line("netmon_netns_info{netns=\"shop.web\""),
        "netmon_netns_info{netns=\"shop.web\",runtime=\"docker\",container_name=\"shop-web-1\",container_id=\
         \"4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\",container_image_name=\"nginx:1\",\
         compose_project=\"shop\",compose_service=\"web\",k8s_pod_name=\"web-0\",k8s_namespace_name=\"prod\",\
         k8s_pod_uid=\"u-1\",cookie=\"4200\",members=\"2\"} 1"
    );
    let of_unwatched = text.lines().find(|line| line.starts_with("netmon_netns_info{netns=\"blue\""));
    assert_eq!(of_unwatched, None, "only namespaces with a watched interface");
    assert_eq!(
        line("netmon_endpoint_info{link=\"root:veth0--direct_netns:veth1\",netns=\"root\""),
        "netmon_endpoint_info{link=\"root:veth0--direct_netns:veth1\",netns=\"root\",interface=\"veth0\",device=\
         \"dev-veth0\",ifindex=\"2\",kind=\"veth\",peer_netns=\"shop.web\",peer_interface=\"veth1\",\
         mac=\"02:00:00:00:00:01\",bridge=\"br0\",mode=\"tracing\"} 1"
    );
    assert_eq!(
        line("netmon_discover_skipped{reason=\"limit\""),
        "netmon_discover_skipped{reason=\"limit\"} 6"
    );
    assert_eq!(line("netmon_discover_skipped{reason=\"lab\""), "netmon_discover_skipped{reason=\"lab\"} 0");
}

#[test]
fn an_end_of_a_lab_says_what_it_is_too_and_no_namespace_does() {
    let text = render(&fixtures::direct());
    let info: Vec<&str> = text.lines().filter(|line| line.starts_with("netmon_endpoint_info{")).collect();
    assert_eq!(info.len(), 2);
    assert!(info[0].contains("device=\"veth0\"") && info[0].ends_with("mode=\"tcx\"} 1"), "{}", info[0]);
    assert!(!text.contains("netmon_netns_info{") && !text.contains("netmon_discover_skipped{"));
}
