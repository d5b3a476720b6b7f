//! Wire bytes of super-packets that have more headers than one of each: tunnels, and BIG TCP.
//!
//! The witness is the receiving end where the sender cuts: there each segment is a packet, and the kernel counts its
//! bytes. The virtual machines have the tunnels that are missing here.

use netmon_kernel::sys::bpf::Offload;
use netmon_model::names::Direction;
use netmon_tests::{
    agent::Agent,
    packets::{DOT1AD, DOT1Q, IPV6, ethernet, tagged},
    sandbox::{run, run_in, sandbox},
    tunnel_devices::{KINDS, add_ipv6, assert_equal_at_both_ends, assert_equal_though_cut, compare_all},
    tunnels::{big_tcp, super_packets},
};

use crate::program_run::Fixture;

const PAYLOAD: usize = 2400;
const OFFLOAD: Offload = Offload { segments: 3, size: 1000 };

/// Segments and wire bytes that both hooks counted for one super-packet each.
fn counted(fixture: &mut Fixture, frame: &[u8]) -> [(u64, u64); 2] {
    let before = fixture.end().hooks;
    fixture.pass_as(Direction::Egress, frame, OFFLOAD);
    fixture.pass_as(Direction::Ingress, frame, OFFLOAD);
    let after = fixture.end().hooks;
    [(&before.egress, &after.egress), (&before.ingress, &after.ingress)]
        .map(|(before, after)| (after.segments - before.segments, after.wire_bytes - before.wire_bytes))
}

#[test]
fn each_segment_of_a_super_packet_in_a_tunnel_repeats_all_headers() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for packet in super_packets(&[7; PAYLOAD]) {
            let bytes = (PAYLOAD + 3 * packet.headers) as u64;
            assert_eq!(counted(&mut fixture, &packet.frame), [(3, bytes); 2], "{}", packet.what);
        }
    });
}

#[test]
fn no_segment_of_big_tcp_has_the_jumbo_header() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        let packet = big_tcp(&[7; PAYLOAD]);
        for frame in [ethernet(IPV6, &packet), tagged(&[DOT1AD, DOT1Q], IPV6, &packet)] {
            let headers = frame.len() - PAYLOAD - 8;
            let bytes = (PAYLOAD + 3 * headers) as u64;
            assert_eq!(counted(&mut fixture, &frame), [(3, bytes); 2], "{} bytes", frame.len());
            // A jumbogram that is one packet on the wire keeps it.
            let before = fixture.end().hooks.egress.wire_bytes;
            fixture.pass_as(Direction::Egress, &frame, Offload::default());
            assert_eq!(fixture.end().hooks.egress.wire_bytes - before, frame.len() as u64);
            // Its connection is followed: the same segment has passed twice.
            assert!(fixture.end().round_trips.tcp_retransmits_egress > 0);
        }
    });
}

#[test]
fn wire_bytes_of_every_tunnel_are_those_that_the_kernel_receives() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let had = compare_all();
        assert!(had.contains(&"vxlan"), "{had:?}");
    });
}

/// Has super-packets cut behind the hook: the bucket is smaller than they are.
fn cut_by_a_qdisc() {
    run(
        "tc",
        &["qdisc", "add", "dev", "veth0", "root", "tbf", "rate", "2gbit", "burst", "4k", "limit", "30m"],
    );
}

#[test]
fn wire_bytes_of_a_tunnel_are_the_same_after_a_qdisc_has_cut_it() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        cut_by_a_qdisc();
        let vxlan = KINDS[0];
        assert!(vxlan.open());
        for to in vxlan.destinations() {
            assert_equal_though_cut(&format!("{to} through tbf"), to);
        }
    });
}

#[test]
fn wire_bytes_of_big_tcp_are_the_same_after_a_qdisc_has_cut_it() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        add_ipv6();
        let size = ["gso_max_size", "185000", "gro_max_size", "185000"];
        run("ip", &[&["link", "set", "veth0"], &size[..]].concat());
        run_in("direct_netns", "ip", &[&["link", "set", "veth1"], &size[..]].concat());
        let six = "fd20::3".parse().unwrap();
        assert_equal_at_both_ends("BIG TCP over IPv6, uncut", six);
        cut_by_a_qdisc();
        assert_equal_though_cut("BIG TCP over IPv6, cut", six);
        assert_equal_though_cut("TCP over IPv4, cut", "10.200.0.3".parse().unwrap());
    });
}
