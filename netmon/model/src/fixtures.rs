//! Snapshots for unit tests: the lab `direct`, and labs of any size.
//!
//! Their numbers are random and all different, so that a value under the wrong label is noticed. They are the same in
//! each run.

#![expect(clippy::unwrap_used, reason = "constants for tests, where a panic is a failed test")]

mod survey;
mod trace;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use self::{survey::survey, trace::trace};
use fastrand::Rng;
use netmon_ebpf::{
    abi::ParseStop,
    endpoint::{TcpEvent, Unsure},
    histogram::{BUCKETS, bucket},
    stamp::RefusedStamp,
};

use crate::{
    audit::Cause,
    by::{ByProtocol, Hooks},
    cost::{Cost, Fill, MapUse, ProgramRuns},
    histogram::Histogram,
    names::{EndName, EndpointId, IfIndex, IfName, LinkName, NsName},
    snapshot::{
        AttachMode, Audit, DirectionSnapshot, EndpointSnapshot, ErrorKind, Features, Flow, FlowCounts,
        FlowState, FlowTable, HookCounters, LabInfo, LinkSnapshot, NamespaceContents, Opener, ProbeSnapshot,
        Requests, RoundTrips, Snapshot, Traffic, Transport,
    },
};

/// Returns the histogram that the kernel would make of these durations.
pub fn histogram_of(durations_ns: impl IntoIterator<Item = u64>) -> Histogram {
    let (mut buckets, mut sum_ns, mut count) = ([0; BUCKETS], 0, 0);
    for ns in durations_ns {
        buckets[bucket(ns)] += 1;
        sum_ns += ns;
        count += 1;
    }
    Histogram::new(&buckets, sum_ns, count)
}

fn histogram(numbers: &mut Rng) -> Histogram {
    let count = 50 + numbers.u64(..50);
    histogram_of((0..count).map(|_| 100 << numbers.u64(..28)).collect::<Vec<_>>())
}

fn audit(numbers: &mut Rng) -> Audit {
    let explained = [(Cause::Segmented, -1 - numbers.u64(..1000).cast_signed()), (Cause::Queued, 0)];
    let (kernel_packets, difference) = (1000 + numbers.u64(..1_000_000), numbers.u64(..9).cast_signed() - 4);
    let apart = explained.iter().map(|(_, packets)| packets).sum::<i64>() + difference;
    Audit {
        taken_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_799_999_999),
        hook_packets: kernel_packets.saturating_add_signed(apart),
        kernel_packets,
        explained: explained.to_vec(),
        difference,
    }
}

fn hook(numbers: &mut Rng) -> HookCounters {
    let protocols = ByProtocol::from_fn(|_| Traffic {
        packets: numbers.u64(..1_000_000),
        bytes: numbers.u64(..1_000_000_000),
    });
    HookCounters {
        attached: Some(AttachMode::Tcx),
        protocols,
        segments: numbers.u64(..1_000_000),
        wire_bytes: numbers.u64(..1_000_000_000),
        audit: Some(Arc::new(audit(numbers))),
    }
}

fn endpoint(id: u32, namespace: &str, interface: &str, address: &str, numbers: &mut Rng) -> EndpointSnapshot {
    EndpointSnapshot {
        id: EndpointId(id),
        namespace: namespace.parse().unwrap(),
        interface: interface.parse().unwrap(),
        ifindex: IfIndex(2 + id / 2),
        device: None,
        addresses: vec![address.parse().unwrap()],
        up: true,
        drift: Vec::new(),
        hooks: Hooks::from_fn(|_| hook(numbers)),
        unstamped_packets: numbers.u64(..1000),
        refused_stamps: RefusedStamp::ALL.map(|reason| (reason, numbers.u64(..10))).to_vec(),
        unjoined_packets: 0,
        drops: Some(vec![("NO_SOCKET".to_owned(), numbers.u64(..100))]),
        round_trips: RoundTrips {
            icmp: histogram(numbers),
            icmp_asked: histogram(numbers).total(),
            icmp_answered: histogram(numbers).total(),
            tcp_handshake: histogram(numbers),
            tcp_rtt: None,
            tcp_response: histogram(numbers),
            dns: None,
            icmp_requests: Requests { unanswered: numbers.u64(..10), ..Requests::default() },
            dns_queries: Requests::default(),
            tcp_connections: TcpEvent::ALL.map(|event| (event, numbers.u64(..1000))).to_vec(),
            tcp_retransmits_ingress: numbers.u64(..100),
            tcp_retransmits_egress: numbers.u64(..100),
            tcp_reordered_ingress: numbers.u64(..100),
            tcp_reordered_egress: numbers.u64(..100),
            tcp_unsure: Unsure::ALL.map(|reason| (reason, numbers.u64(..100))).to_vec(),
            dns_responses: vec![("noerror", numbers.u64(..100)), ("nxdomain", numbers.u64(..100))],
        },
    }
}

fn direction(numbers: &mut Rng) -> DirectionSnapshot {
    DirectionSnapshot {
        latency: Some(histogram(numbers)),
        parts: None,
        lost_segments: Some(numbers.u64(..100)),
        impairment: None,
    }
}

fn link(a: EndpointSnapshot, b: EndpointSnapshot, numbers: &mut Rng) -> LinkSnapshot {
    let interface = |end: &EndpointSnapshot| end.interface.as_str().parse::<IfName>().unwrap();
    LinkSnapshot {
        name: LinkName::default_for((&a.namespace, &interface(&a)), (&b.namespace, &interface(&b))),
        lab: Some("direct".parse().unwrap()),
        a,
        b: Some(b),
        a_to_b: direction(numbers),
        b_to_a: direction(numbers),
    }
}

/// Returns a probe that succeeds, and one that fails.
fn probes() -> Vec<ProbeSnapshot> {
    let up = ProbeSnapshot {
        from: "root".parse().unwrap(),
        name: "web".to_owned(),
        kind: "http",
        target: "http://10.200.0.3/".to_owned(),
        interval: Duration::from_secs(1),
        success: Some(true),
        last: Some(Duration::from_micros(700)),
        error: None,
        durations: histogram_of([600_000, 700_000]),
        failures: 5,
    };
    let down = ProbeSnapshot {
        name: "10.200.0.3".to_owned(),
        kind: "icmp",
        target: "10.200.0.3".to_owned(),
        success: Some(false),
        last: None,
        error: Some("no answer within 1s".to_owned()),
        durations: histogram_of([40_000]),
        failures: 9,
        ..up.clone()
    };
    vec![up, down]
}

/// Returns a lab of these links, `monotonic_ns` after boot.
fn of(links: Vec<LinkSnapshot>, monotonic_ns: u64) -> Snapshot {
    Snapshot {
        taken_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        monotonic_ns,
        labs: vec![LabInfo {
            name: "direct".parse().unwrap(),
            file: "built-in".to_owned(),
            applied_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_799_999_000_250),
            persists: false,
            namespaces: vec![NamespaceContents {
                namespace: "direct_netns".parse().unwrap(),
                bridges: Vec::new(),
                services: vec!["http 10.200.0.3:80".to_owned()],
                ports: Vec::new(),
            }],
        }],
        features: Features { mode: AttachMode::Tcx, packet_stamp: true },
        links,
        host: None,
        probes: probes(),
        parse_exits: vec![(ParseStop::EthernetTruncated, 3), (ParseStop::Ipv6Extensions, 0)],
        flows: FlowTable {
            entries: 17,
            capacity: 65_536,
            evicted_flows: 3,
            evicted_requests: 5,
            udp_entries: 11,
            udp_capacity: 1_024,
            evicted_udp_flows: 7,
        },
        errors: vec![(ErrorKind::Read, 2)],
        cost: Cost {
            programs: Some(vec![ProgramRuns { program: "netmon_in", runs: 12_345, run_ns: 2_500_000_000 }]),
            maps: vec![
                MapUse { map: "EXITS_BY_REASON".to_owned(), bytes: 576, fill: None },
                MapUse {
                    map: "REQUESTS".to_owned(),
                    bytes: 7_340_032,
                    fill: Some(Fill { entries: 3, max_entries: 65_536 }),
                },
            ],
        },
    }
}

/// Returns a conversation over UDP of the lab `direct`, seen at `veth0`: a query that was answered.
pub fn udp_flow() -> Flow {
    let [ended, _] = flows().try_into().unwrap();
    Flow {
        protocol: Transport::Udp,
        local: "10.200.0.2:40002".parse().unwrap(),
        remote: "10.200.0.3:53".parse().unwrap(),
        state: FlowState::Open,
        idle_ns: 2_000_000,
        ingress: FlowCounts { packets: 1, bytes: 130, ..FlowCounts::default() },
        egress: FlowCounts { packets: 1, bytes: 70, ..FlowCounts::default() },
        rtt_ns: None,
        ..ended
    }
}

/// Returns two connections of the lab `direct`, seen at `veth0`: an older one that has ended, and a busy one.
pub fn flows() -> Vec<Flow> {
    let ended = Flow {
        protocol: Transport::Tcp,
        link: "root:veth0--direct_netns:veth1".parse().unwrap(),
        namespace: "root".parse().unwrap(),
        interface: "veth0".parse().unwrap(),
        local: "10.200.0.2:40000".parse().unwrap(),
        remote: "10.200.0.3:80".parse().unwrap(),
        opened_by: Some(Opener::Local),
        state: FlowState::Ended,
        age_ns: 9_000_000_000,
        idle_ns: 8_000_000_000,
        ingress: FlowCounts { packets: 5, bytes: 1_300, retransmits: 0, reordered: 2 },
        egress: FlowCounts { packets: 6, bytes: 500, retransmits: 1, reordered: 0 },
        rtt_ns: Some(42_000),
    };
    let open = Flow {
        local: "[fd00::2]:40001".parse().unwrap(),
        remote: "[fd00::3]:443".parse().unwrap(),
        opened_by: None,
        state: FlowState::Open,
        age_ns: 3_000_000_000,
        idle_ns: 1_000_000,
        rtt_ns: None,
        ..ended.clone()
    };
    vec![ended, open]
}

/// Returns the lab `direct`.
pub fn direct() -> Snapshot {
    let numbers = &mut Rng::with_seed(1);
    let a = endpoint(0, "root", "veth0", "10.200.0.2/24", numbers);
    let b = endpoint(1, "direct_netns", "veth1", "10.200.0.3/24", numbers);
    of(vec![link(a, b, numbers)], 1_000_000_000_000)
}

/// Returns a star of `count` links from `root`.
pub fn star(count: u32) -> Snapshot {
    let numbers = &mut Rng::with_seed(2);
    let links = (0..count).map(|index| {
        let address = |end: u32| format!("10.{}.{}.{end}/24", index / 250, index % 250);
        let a = endpoint(2 * index, "root", &format!("veth{index}"), &address(1), numbers);
        let b = endpoint(2 * index + 1, &format!("netns{index}"), "eth0", &address(2), numbers);
        link(a, b, numbers)
    });
    of(links.collect(), 1_000_000_000_000)
}

/// Returns the namespace and the interface of a snapshot's endpoint, for assertions.
pub fn named(end: &EndpointSnapshot) -> (&NsName, &EndName) {
    (&end.namespace, &end.interface)
}
