//! What the tracing programs count on links that netmon did not make, held against `ip -s link`: through offloads, bridges,
//! routers and XDP programs.

use std::{
    fs,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    sync::Arc,
    time::Duration,
};

use netmon::datapath::{EndpointCounts, Target, TracedTarget};
use netmon_kernel::{
    netns::NetNs,
    sys::{
        insn::{Register::R0, exit, mov64_imm},
        xdp::{self, XDP_PASS, XdpMode},
    },
};
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId},
    snapshot::Traffic,
};
use netmon_tests::{
    counts::kernel,
    eventually::{eventually, eventually_equal},
    foreign_links::{ForeignLinks, add_netns, at, kernel_counts, send, set, totals},
    interface::ifindex,
    labs::valid,
    sandbox::{run, run_in, sandbox},
    talk::inside,
};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

fn ping(from: &str, to: &str, count: u32) {
    run_in(from, "ping", &["-q", "-f", "-c", &count.to_string(), to]);
}

fn offloads(netns: &str, interface: &str, features: &[&str]) {
    run("ip", &[&["netns", "exec", netns, "ethtool", "-K", interface], features].concat());
}

fn segments(links: &mut ForeignLinks, id: EndpointId, direction: Direction) -> (u64, u64) {
    let hook = &links.counts(id).hooks[direction];
    (hook.segments, hook.wire_bytes)
}

#[test]
fn packets_and_bytes_are_those_of_the_interface() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        ping("left", "10.44.0.2", 2_000);
        send("left", "right", "10.44.0.2", 64 * MIB);
        send("right", "left", "10.44.0.1", 4 * MIB);
        links.assert_as_the_kernel_counts();
        let counts = links.counts(one);
        assert!(counts.hooks.egress.segments > counts.hooks.egress.packets(), "super-packets: {counts:?}");
        let echoes = counts.hooks.egress.protocols.iter().find(|(of, _)| of.label() == "icmp").unwrap().1;
        assert_eq!((echoes.packets, echoes.bytes), (2_000, 2_000 * 98));
        for [from, to] in [[one, two], [two, one]] {
            let sent = segments(&mut links, from, Direction::Egress);
            assert_eq!(sent, segments(&mut links, to, Direction::Ingress));
        }
    });
}

#[test]
fn every_packet_is_joined_from_one_end_to_the_other() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        ping("left", "10.44.0.2", 2_000);
        send("left", "right", "10.44.0.2", 64 * MIB);
        links.assert_as_the_kernel_counts();
        for [from, to] in [[one, two], [two, one]] {
            let arrived = links.counts(to);
            let departures = links.counts(from).departures.unwrap();
            let parts = departures.parts.unwrap();
            assert_eq!(arrived.unjoined_packets, 0);
            let packets = arrived.hooks.ingress.packets();
            assert_eq!((departures.latency.count, parts.crossing.count), (packets, packets));
            assert_eq!(parts.queue.count, packets, "each was queued, and left from there");
            assert_eq!(departures.lost_segments, 0);
            // Both parts are of the same packets, so they add up exactly.
            assert_eq!(departures.latency.sum_ns, parts.queue.sum_ns + parts.crossing.sum_ns);
        }
    });
}

#[test]
fn segments_agree_at_both_ends_where_the_receiver_merges_packets() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        offloads("right", "two", &["gro", "on"]);
        offloads("left", "one", &["tso", "off", "gso", "off"]);
        send("left", "right", "10.44.0.2", 64 * MIB);
        let (sent, arrived) = (links.counts(one).hooks.egress, links.counts(two).hooks.ingress);
        assert!(arrived.packets() < sent.packets(), "GRO merged: {sent:?} {arrived:?}");
        // Where the receiver takes packets from a ring (NAPI), the driver drops what finds no room in it.
        let (_, dropped) = kernel("left", "one");
        let missing = sent.segments - arrived.segments;
        assert_eq!(missing.to_string(), dropped.to_string(), "{sent:?} {arrived:?}");
        ping("left", "10.44.0.2", 10);
        eventually("as many lost", PATIENCE, || {
            (links.counts(one).departures.unwrap().lost_segments == missing).then_some(())
        });
    });
}

#[test]
fn a_packet_that_the_kernel_segments_is_counted_as_its_segments() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        offloads("left", "one", &["tso", "off"]);
        send("left", "right", "10.44.0.2", 64 * MIB);
        links.assert_as_the_kernel_counts();
        let (sent, arrived) = (links.counts(one).hooks.egress, links.counts(two).hooks.ingress);
        assert_eq!(sent.segments, sent.packets(), "they were cut before the driver");
        assert_eq!(sent.segments, arrived.segments);
    });
}

#[test]
fn counts_are_exact_behind_a_router() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        for netns in ["left", "middle", "right"] {
            add_netns(netns);
        }
        let near = links.join(("left", "one", "10.44.0.1/24"), ("middle", "near", "10.44.0.2/24"));
        let far = links.join(("middle", "far", "10.45.0.1/24"), ("right", "two", "10.45.0.2/24"));
        set("middle", "ipv4/ip_forward");
        run("ip", &["-n", "left", "route", "add", "10.45.0.0/24", "via", "10.44.0.2"]);
        run("ip", &["-n", "right", "route", "add", "10.44.0.0/24", "via", "10.45.0.1"]);
        ping("left", "10.45.0.2", 2_000);
        send("left", "right", "10.45.0.2", 64 * MIB);
        links.assert_as_the_kernel_counts();
        // The same packet, with the same address, crosses both links.
        for id in near.into_iter().chain(far) {
            let counts = links.counts(id);
            assert_eq!(counts.unjoined_packets, 0);
            assert_eq!(counts.departures.unwrap().lost_segments, 0);
        }
    });
}

#[test]
fn counts_are_exact_on_the_ports_of_a_bridge() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        for netns in ["middle", "left", "right", "third"] {
            add_netns(netns);
        }
        run("ip", &["-n", "middle", "link", "add", "bridge0", "type", "bridge"]);
        run("ip", &["-n", "middle", "link", "set", "bridge0", "up"]);
        let mut ids = Vec::new();
        for (netns, port, address) in
            [("left", "p1", "10.44.0.1/24"), ("right", "p2", "10.44.0.2/24"), ("third", "p3", "10.44.0.3/24")]
        {
            ids.extend(links.join((netns, "eth0", address), ("middle", port, "")));
            run("ip", &["-n", "middle", "link", "set", port, "master", "bridge0"]);
        }
        ping("left", "10.44.0.2", 500);
        // To all ports: the bridge clones it for each.
        let socket = inside("left", || std::net::UdpSocket::bind(("10.44.0.1", 0)));
        socket.set_broadcast(true).unwrap();
        for _ in 0..500 {
            socket.send_to(&[7; 100], ("10.44.0.255", 9)).unwrap();
        }
        send("left", "third", "10.44.0.3", 16 * MIB);
        links.assert_as_the_kernel_counts();
        for id in ids {
            let counts = links.counts(id);
            assert_eq!((counts.unjoined_packets, counts.departures.unwrap().lost_segments), (0, 0));
        }
    });
}

#[test]
fn packets_that_an_xdp_program_passes_on_are_counted_exactly() {
    for mode in [XdpMode::Native, XdpMode::Generic] {
        sandbox(|| {
            let mut links = ForeignLinks::new();
            let [one, two] = links.left_and_right();
            let program = xdp::load("foreign", &[mov64_imm(R0, XDP_PASS), exit()]).unwrap();
            let index = ifindex("right", "two");
            let _link = inside("right", || xdp::attach(program.as_fd(), index, mode));
            ping("left", "10.44.0.2", 1_000);
            for (id, netns, interface) in [(one, "left", "one"), (two, "right", "two")] {
                // Only packets: with native XDP the kernel leaves the Ethernet header out of the sender's bytes.
                eventually_equal("packets", PATIENCE, || {
                    let packets = |counts: Hooks<Traffic>| Hooks::from_fn(|hook| counts[hook].packets);
                    (packets(totals(&links.counts(id))), packets(kernel_counts(netns, interface)))
                });
            }
            let arrived = links.counts(two).hooks.ingress;
            assert_eq!(arrived.segments, links.counts(one).hooks.egress.segments, "{mode:?}");
        });
    }
}

/// What hooks and tracing programs must agree on, of one end.
fn agreed(counts: &EndpointCounts) -> impl PartialEq + std::fmt::Debug + use<> {
    let trips = &counts.round_trips;
    let samples =
        [trips.icmp.count, trips.tcp_handshake.count, trips.dns.as_ref().map_or(0, |dns| dns.count)];
    let requests = [trips.icmp_requests, trips.dns_queries].map(|of| (of.repeated, of.unsampled));
    let tcp = (trips.tcp_connections.clone(), trips.tcp_retransmits_egress, trips.tcp_reordered_ingress);
    (counts.hooks.clone(), samples, requests, tcp, trips.dns_responses.clone())
}

#[test]
fn hooks_and_tracing_programs_on_one_link_find_the_same() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let traced = links.left_and_right();
        let hooked = [EndpointId(10), EndpointId(11)];
        let target = |of: usize, netns: &str, interface: &str| Target {
            id: hooked[of],
            at: at(netns, interface),
            netns: Arc::new(NetNs::open(&valid(netns)).unwrap()),
            peer: Some(hooked[1 - of]),
        };
        ping("left", "10.44.0.2", 1);
        // Both begin with nothing, while the link is quiet.
        assert!(links.datapath.unwatch(&traced).is_empty());
        links.datapath.attach(vec![target(0, "left", "one"), target(1, "right", "two")]).unwrap();
        let traced = links.watch([("left", "one"), ("right", "two")]);
        ping("left", "10.44.0.2", 1_000);
        send("left", "right", "10.44.0.2", 16 * MIB);
        for _ in 0..20 {
            send("right", "left", "10.44.0.1", 1_000);
        }
        for (hooked, traced) in hooked.into_iter().zip(traced) {
            eventually_equal("one end", PATIENCE, || {
                (agreed(&links.counts(hooked)), agreed(&links.counts(traced)))
            });
            let mean = |counts: EndpointCounts| {
                let latency = counts.departures.unwrap().latency;
                (latency.count, latency.sum_ns / latency.count.max(1))
            };
            let ((stamped, by_stamps), (joined, by_addresses)) =
                (mean(links.counts(hooked)), mean(links.counts(traced)));
            println!("{stamped} stamped {by_stamps} ns, {joined} joined {by_addresses} ns");
            // Packets of ARP are joined, too, and have no stamp.
            assert!(joined >= stamped && joined <= stamped + 10, "{joined} {stamped}");
            // The stamp is taken before the tracepoint, and read after it: both programs lie between.
            assert!(by_stamps.abs_diff(by_addresses) < 20_000, "{by_stamps} {by_addresses}");
        }
        let connections = links.datapath.connections();
        let of = |id: EndpointId| connections.iter().filter(|one| one.endpoint == id).count();
        assert_eq!([of(traced[0]), of(traced[1])], [of(hooked[0]), of(hooked[1])]);
        assert!(of(traced[0]) >= 20, "{connections:?}");
    });
}

#[test]
fn interfaces_with_the_same_number_are_told_apart() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        for netns in ["a", "b", "c", "d"] {
            add_netns(netns);
        }
        // In four new namespaces, the first interface has the same number.
        let first = links.join(("a", "eth0", "10.44.0.1/24"), ("b", "eth0", "10.44.0.2/24"));
        let second = links.join(("c", "eth0", "10.44.0.1/24"), ("d", "eth0", "10.44.0.2/24"));
        let numbers: Vec<_> = ["a", "b", "c", "d"].iter().map(|netns| at(netns, "eth0").ifindex).collect();
        assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
        ping("a", "10.44.0.2", 100);
        ping("c", "10.44.0.2", 300);
        links.assert_as_the_kernel_counts();
        let icmp = |links: &mut ForeignLinks, id| {
            let hooks = links.counts(id).hooks;
            hooks.egress.protocols.iter().find(|(of, _)| of.label() == "icmp").unwrap().1.packets
        };
        let counted: Vec<u64> = first.into_iter().chain(second).map(|id| icmp(&mut links, id)).collect();
        assert_eq!(counted, [100, 100, 300, 300]);
    });
}

#[test]
fn an_interface_that_is_no_longer_watched_counts_nothing_and_its_slot_restarts_from_zero() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let ids = links.left_and_right();
        ping("left", "10.44.0.2", 100);
        links.assert_as_the_kernel_counts();
        let target =
            |id, netns, interface, peer| TracedTarget { id, at: at(netns, interface), peer: Some(peer) };
        assert!(links.datapath.unwatch(&ids).is_empty());
        ping("left", "10.44.0.2", 50);
        assert!(links.datapath.counts().unwrap().endpoints.is_empty());
        let again = [target(ids[0], "left", "one", ids[1]), target(ids[1], "right", "two", ids[0])];
        links.datapath.watch(&again).unwrap();
        let counts = links.counts(ids[1]);
        assert_eq!((counts.hooks.ingress.packets(), counts.unjoined_packets), (0, 0));
        ping("left", "10.44.0.2", 70);
        let counts = links.counts(ids[1]);
        let echoes = counts.hooks.ingress.protocols.iter().find(|(of, _)| of.label() == "icmp").unwrap().1;
        assert_eq!(echoes.packets, 70);
    });
}

#[test]
fn an_end_without_a_peer_is_counted_and_not_joined() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        for netns in ["left", "right"] {
            add_netns(netns);
        }
        let _ = links.join(("left", "one", "10.44.0.1/24"), ("right", "two", "10.44.0.2/24"));
        let two = EndpointId(1);
        assert!(links.datapath.unwatch(&[EndpointId(0), two]).is_empty());
        let alone = TracedTarget { id: two, at: at("right", "two"), peer: None };
        links.datapath.watch(&[alone]).unwrap();
        ping("left", "10.44.0.2", 100);
        let counts = links.counts(two);
        assert!(counts.departures.is_none());
        assert_eq!(counts.unjoined_packets, 0);
        assert!(counts.hooks.ingress.packets() >= 100);
    });
}

#[test]
fn a_watched_namespace_that_is_deleted_is_gone_with_its_pair() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let ids = links.left_and_right();
        ping("left", "10.44.0.2", 10);
        let inode = fs::metadata("/run/netns/right").unwrap().ino();
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let held: Vec<_> = open.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        let right = std::path::PathBuf::from(format!("net:[{inode}]"));
        assert!(!held.contains(&right), "{held:?}");
        run("ip", &["netns", "del", "right"]);
        // The kernel takes the other end away when the namespace itself is gone.
        eventually("the end of the pair", PATIENCE, || {
            run("ip", &["-n", "left", "-o", "link"]).lines().all(|line| !line.contains("one@")).then_some(())
        });
        assert!(links.datapath.unwatch(&ids).is_empty());
    });
}
