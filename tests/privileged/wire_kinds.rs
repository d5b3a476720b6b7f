//! Packets of all kinds over a real veth, counted by the hooks, by the kernel and by a capture at the same end.
//!
//! `program_run` has the same frames without a wire. On a wire the outermost VLAN tag differs: the kernel removes it
//! from an arriving frame, before the ingress hook. There the frame is four bytes shorter than where it left. A capture
//! shows it whole, because it puts the tag back.

use std::{array, time::Duration};

use netmon::{datapath::Options, watch::Meter};
use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::snapshot::{HookCounters, Snapshot};
use netmon_tests::{
    agent::Agent,
    capture::{Capture, Captured},
    counts::{Count, DIRECT, at_rest, kernel},
    eventually::eventually,
    packets::{DOT1Q, IPV4, Ipv4, Tcp, number, tagged, udp},
    pair::{pair, set_up},
    sandbox::{run, sandbox},
};

use crate::program_run::{Kind, kinds};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the kernel removes from a tagged frame, however many tags it has.
const TAG: u64 = 4;
/// The tag of this frame is incomplete, and the kernel drops the frame where it would remove the tag. The kernel's
/// counter of received packets includes it, because it is the peer's counter of sent packets.
const NEVER_ARRIVES: &str = "cut tag";

/// Counts read before or after a frame.
struct Moment {
    reading: Snapshot,
    /// Sent at `one`, received at `two`.
    kernel: [Count; 2],
}

impl Moment {
    fn of(meter: &mut Meter) -> Self {
        let kernel = [kernel("root", "one").0[1], kernel("root", "two").0[0]];
        Self { reading: meter.snapshot().unwrap(), kernel }
    }

    fn egress(&self) -> &HookCounters {
        &self.reading.links[0].a.hooks.egress
    }

    fn ingress(&self) -> &HookCounters {
        &self.reading.links[0].b.as_ref().unwrap().hooks.ingress
    }

    /// Early exits that were added since.
    fn exits_since(&self, before: &Self) -> Vec<(&'static str, u64)> {
        let both = before.reading.parse_exits.iter().zip(&self.reading.parse_exits);
        both.map(|(before, after)| (after.0.label(), after.1 - before.1)).filter(|one| one.1 > 0).collect()
    }

    /// What the kernel counted since.
    fn kernel_since(&self, before: &Self) -> [(f64, f64); 2] {
        let since = |end: usize| {
            let (now, then) = (self.kernel[end], before.kernel[end]);
            (now.packets - then.packets, now.bytes - then.bytes)
        };
        [since(0), since(1)]
    }
}

/// What was added to a hook: packets and bytes of one protocol, and segments and wire bytes in total.
fn added_to(before: &HookCounters, after: &HookCounters, protocol: &str) -> [u64; 4] {
    let figures = |hook: &HookCounters| {
        let of = hook.protocols.iter().find(|(of, _)| of.label() == protocol).unwrap().1;
        [of.packets, of.bytes, hook.segments, hook.wire_bytes]
    };
    let (before, after) = (figures(before), figures(after));
    array::from_fn(|index| after[index] - before[index])
}

/// Sends a frame from `one` to `two`, and compares all counts of it with its kind.
fn cross(meter: &mut Meter, socket: &PacketSocket, kind: &Kind) {
    let (what, frame, protocol, exit) = kind;
    let length = frame.len() as u64;
    let before = Moment::of(meter);
    socket.send(frame).unwrap();
    let arrived = |after: &Moment| after.ingress().segments > before.ingress().segments;
    let after = eventually("the frame at the other end", PATIENCE, || {
        let after = Moment::of(meter);
        (*what == NEVER_ARRIVES || arrived(&after)).then_some(after)
    });
    let kernel = (1.0, length as f64);
    assert_eq!(after.kernel_since(&before), [kernel; 2], "{what}: the kernel");
    let egress = added_to(before.egress(), after.egress(), protocol);
    assert_eq!(egress, [1, length, 1, length], "{what}: egress");
    let tagged = [[0x81, 0], [0x88, 0xa8]].contains(&[frame[12], frame[13]]);
    let arriving = if tagged { length - TAG } else { length };
    let expected = if *what == NEVER_ARRIVES { [0; 4] } else { [1, arriving, 1, arriving] };
    assert_eq!(added_to(before.ingress(), after.ingress(), protocol), expected, "{what}: ingress");
    // Once at either end.
    let times = if *what == NEVER_ARRIVES { 1 } else { 2 };
    let exits = exit.map(|label| (label, times)).into_iter();
    assert_eq!(after.exits_since(&before), exits.collect::<Vec<_>>(), "{what}");
}

/// The frames of `program_run`, and some that only a wire carries: longer than a page, so non-linear.
fn all() -> Vec<Kind> {
    let long = udp(5000, 6000, &[9; 8900]);
    let tcp = Tcp::default().segment(&[9; 8900]);
    let jumbo = vec![
        ("jumbo udp", Ipv4::default().frame(number::UDP, &long), "udp", None),
        ("jumbo tcp", Ipv4::default().frame(number::TCP, &tcp), "tcp", None),
        ("jumbo tagged", tagged(&[DOT1Q], IPV4, &Ipv4::default().packet(number::UDP, &long)), "udp", None),
    ];
    [kinds(), jumbo].concat()
}

#[test]
fn a_frame_of_every_kind_is_counted_as_the_kernel_and_a_capture_do() {
    sandbox(|| {
        let ends = pair();
        let mut meter = Meter::load(&Options::default()).unwrap();
        meter.attach(&ends).unwrap();
        set_up();
        let captures = ["one", "two"].map(|end| Capture::lengths(end, "root", end, ""));
        let socket = PacketSocket::open(ends[0].ifindex.0).unwrap();
        let all = all();
        for kind in &all {
            cross(&mut meter, &socket, kind);
        }
        // The frame that never arrives did not arrive later either.
        assert_eq!(
            meter.snapshot().unwrap().links[0].b.as_ref().unwrap().hooks.ingress.packets(),
            all.len() as u64 - 1
        );
        for (capture, end) in captures.into_iter().zip(["one", "two"]) {
            let here = all.iter().filter(|(what, ..)| end == "one" || *what != NEVER_ARRIVES);
            // tcpdump prints no length for a frame that ends within its tag.
            let length = |kind: &Kind| (kind.0 != NEVER_ARRIVES).then_some(kind.1.len() as u64);
            let sent: Vec<_> = here.map(length).collect();
            let lengths: Vec<_> = capture.packets(sent.len()).iter().map(Captured::length).collect();
            assert_eq!(lengths, sent, "{end}");
        }
    });
}

/// Packets and bytes of a capture.
fn captured(packets: &[Captured]) -> (f64, f64) {
    let bytes: u64 = packets.iter().map(|packet| packet.length().unwrap()).sum();
    (packets.len() as f64, bytes as f64)
}

#[test]
fn super_packets_are_counted_one_by_one_as_a_capture_at_either_end_shows_them() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let captures = ["veth0", "veth1"].map(|interface| {
            let namespace = if interface == "veth0" { "root" } else { "direct_netns" };
            Capture::lengths(interface, namespace, interface, "tcp")
        });
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/bytes/20000000"]);
        let (metrics, _) = at_rest(&DIRECT);
        for (capture, (namespace, interface)) in captures.into_iter().zip(DIRECT) {
            let at = [("netns", namespace), ("interface", interface), ("protocol", "tcp")];
            let packets = metrics.sum("netmon_packets_total", &at);
            let counted = (packets, metrics.sum("netmon_bytes_total", &at));
            let packets = capture.packets(packets as usize);
            assert_eq!(captured(&packets), counted, "{interface}");
            let longest = packets.iter().filter_map(Captured::length).max().unwrap();
            assert!(longest > 9000, "super-packets are the point: {longest}");
        }
    });
}

#[test]
fn fragments_that_the_kernel_makes_are_counted_as_a_capture_shows_them() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let capture = Capture::lengths("tcpdump", "root", "veth0", "ip");
        // Three fragments in each direction. Only the first one shows that it is an echo.
        run("ping", &["-q", "-c", "10", "-i", "0.01", "-s", "4000", "10.200.0.3"]);
        let (metrics, _) = at_rest(&DIRECT);
        let at = [("netns", "root"), ("interface", "veth0"), ("protocol", "icmp")];
        let counted = (metrics.sum("netmon_packets_total", &at), metrics.sum("netmon_bytes_total", &at));
        assert_eq!(counted.0, 60.0);
        assert_eq!(captured(&capture.packets(60)), counted);
        // Two later fragments per message, at both ends of the link.
        let later = metrics.sum("netmon_parse_exits_total", &[("reason", "later_fragment")]);
        assert_eq!(later, 80.0);
        for end in DIRECT {
            let trips = metrics.sum("netmon_icmp_rtt_seconds_count", &[("netns", end.0)]);
            assert_eq!(trips, 10.0, "{end:?}");
        }
    });
}
