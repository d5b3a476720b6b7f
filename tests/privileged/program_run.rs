//! The programs over test frames (`BPF_PROG_TEST_RUN`), and the maps afterwards.
//!
//! The tests load the real object, and run the real dispatcher of a real endpoint. Its interface is down, so that
//! nothing else is counted.

use std::os::fd::OwnedFd;

use netmon::{datapath::Options, watch::Meter};
use netmon_ebpf::stamp::{NUMBER_MASK, RefusedStamp, number_of};
use netmon_kernel::sys::bpf::{Offload, TestOutcome, test_run_offloaded};
use netmon_model::{
    names::{Direction, EndpointId},
    snapshot::{EndpointSnapshot, HookCounters, Requests, Snapshot},
};
use netmon_tests::{
    packets::{
        ARP, DOT1AD, DOT1Q, IPV4, Ipv4, Ipv6, Tcp, arp, authentication, dns_query, dns_response, echo,
        ethernet,
        flag::{ACK, FIN, PSH, RST, SYN},
        fragment, number, options, sctp, tagged, udp,
    },
    pair::pair,
    sandbox::sandbox,
    stamped::stamped_by,
};

/// `TC_ACT_UNSPEC`, `TCX_NEXT`
const NEXT: i32 = -1;

/// The datapath on a pair that is down.
pub(crate) struct Fixture {
    meter: Meter,
    id: EndpointId,
    ingress: OwnedFd,
    egress: OwnedFd,
    /// A packet that the peer has stamped arrives.
    stamped: OwnedFd,
    /// A packet with another stamp arrives: this end's own, as after XDP_TX.
    foreign: OwnedFd,
    /// Ingress of the other end, which is in the same namespace.
    peer_ingress: OwnedFd,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(&Options::default())
    }

    fn with(options: &Options) -> Self {
        let mut meter = Meter::load(options).unwrap();
        meter.attach(&pair()).unwrap();
        let link = meter.inventory().links().next().unwrap();
        let (id, peer) = (link.a.id, link.b.unwrap().id);
        let dispatcher =
            |id, direction, before: &[_]| meter.datapath().dispatcher(id, direction, before).unwrap();
        let ingress = dispatcher(id, Direction::Ingress, &[]);
        let egress = dispatcher(id, Direction::Egress, &[]);
        let stamped = dispatcher(id, Direction::Ingress, &stamped_by(peer));
        let foreign = dispatcher(id, Direction::Ingress, &stamped_by(id));
        let peer_ingress = dispatcher(peer, Direction::Ingress, &[]);
        Self { ingress, egress, stamped, foreign, peer_ingress, id, meter }
    }

    fn pass(&self, direction: Direction, frame: &[u8]) -> TestOutcome {
        self.pass_as(direction, frame, Offload::default())
    }

    /// Runs the programs of the hook once; none of them may decide about the packet.
    pub(crate) fn pass_as(&self, direction: Direction, frame: &[u8], offload: Offload) -> TestOutcome {
        let program = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let outcome = test_run_offloaded(program, frame, offload, 1);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {frame:?}"));
        assert_eq!(outcome.verdict, NEXT, "{frame:?}");
        outcome
    }

    fn out(&self, frame: &[u8]) -> TestOutcome {
        self.pass(Direction::Egress, frame)
    }

    fn back(&self, frame: &[u8]) -> TestOutcome {
        self.pass(Direction::Ingress, frame)
    }

    /// As [`Self::back`], but the frame arrives at the other end.
    fn back_at_peer(&self, frame: &[u8]) {
        let outcome = test_run_offloaded(&self.peer_ingress, frame, Offload::default(), 1).unwrap();
        assert_eq!(outcome.verdict, NEXT, "{frame:?}");
    }

    fn read(&mut self) -> Snapshot {
        self.meter.snapshot().unwrap()
    }

    pub(crate) fn end(&mut self) -> EndpointSnapshot {
        let link = self.read().links.remove(0);
        let end = link.a;
        assert_eq!(end.id, self.id);
        end
    }
}

/// Packets and bytes of one protocol.
fn counted(hook: &HookCounters, protocol: &str) -> (u64, u64) {
    let of = hook.protocols.iter().find(|(of, _)| of.label() == protocol).unwrap().1;
    (of.packets, of.bytes)
}

/// A frame, its protocol, and why its parsing stops.
pub(crate) type Kind = (&'static str, Vec<u8>, &'static str, Option<&'static str>);

/// All frames that `BPF_PROG_TEST_RUN` accepts. Those that end within their IP header are in `raw_frames`.
pub(crate) fn kinds() -> Vec<Kind> {
    let (four, six) = (Ipv4::default(), Ipv6::default());
    let datagram = udp(5000, 6000, &[1; 22]);
    let tcp = Tcp::default().segment(&[7; 100]);
    let later = Ipv4 { fragment: 0x2010, ..four.clone() };
    let malformed = Ipv4 { version: Some(0x44), ..four.clone() };
    let chain = six
        .clone()
        .with(number::HOP_BY_HOP, options(0))
        .with(number::DESTINATION, options(0))
        .with(number::ROUTING, options(1))
        .with(number::FRAGMENT, fragment(0, true))
        .with(number::AUTHENTICATION, authentication(1))
        .with(number::DESTINATION, options(0));
    let packet = four.packet(number::UDP, &datagram);
    vec![
        ("udp", four.frame(number::UDP, &datagram), "udp", None),
        (
            "ipv4 options",
            Ipv4 { options: vec![1; 40], ..four.clone() }.frame(number::UDP, &datagram),
            "udp",
            None,
        ),
        (
            "first fragment",
            Ipv4 { fragment: 0x2000, ..four.clone() }.frame(number::UDP, &datagram),
            "udp",
            None,
        ),
        ("later fragment", later.frame(number::UDP, &datagram), "udp", Some("later_fragment")),
        ("icmp", four.frame(number::ICMP, &echo(3, 0, 0)), "icmp", None),
        ("icmpv6", six.frame(number::ICMPV6, &echo(135, 0, 0)), "icmpv6", None),
        ("tcp over ipv4", four.frame(number::TCP, &tcp), "tcp", None),
        ("tcp over ipv6", six.frame(number::TCP, &tcp), "tcp", None),
        ("ipv6 extensions", chain.frame(number::UDP, &datagram), "udp", None),
        (
            "too many extensions",
            chain.clone().with(number::DESTINATION, options(0)).frame(number::UDP, &datagram),
            "other",
            Some("ipv6_extensions"),
        ),
        (
            "a long extension",
            six.clone().with(number::DESTINATION, options(255)).frame(number::UDP, &datagram),
            "other",
            Some("ipv6_extensions"),
        ),
        (
            "later fragment over ipv6",
            six.clone().with(number::FRAGMENT, fragment(9, false)).frame(number::ICMPV6, &datagram),
            "icmpv6",
            Some("later_fragment"),
        ),
        ("sctp", four.frame(number::SCTP, &sctp(1, 2)), "sctp", None),
        ("esp", four.frame(number::ESP, &datagram), "other", Some("unknown_transport")),
        ("arp", arp(), "arp", None),
        ("802.1q", tagged(&[DOT1Q], IPV4, &packet), "udp", None),
        ("qinq", tagged(&[DOT1AD, DOT1Q], IPV4, &packet), "udp", None),
        ("qinq arp", tagged(&[DOT1AD, DOT1Q], ARP, &[0; 28]), "arp", None),
        ("three tags", tagged(&[DOT1AD, DOT1Q, DOT1Q], IPV4, &packet), "udp", None),
        ("four tags", tagged(&[DOT1AD, DOT1Q, DOT1Q, DOT1Q], IPV4, &packet), "other", Some("vlan_depth")),
        ("lldp", ethernet(0x88cc, &[2; 40]), "other", Some("unknown_ethertype")),
        ("bad ipv4", malformed.frame(number::UDP, &datagram), "other", Some("ipv4_malformed")),
        (
            "bad tcp",
            four.frame(number::TCP, &Tcp { data_offset: Some(4), ..Tcp::default() }.segment(b"data")),
            "tcp",
            Some("tcp_malformed"),
        ),
        ("cut udp", six.frame(number::UDP, &datagram)[..58].to_vec(), "udp", Some("transport_truncated")),
        ("cut tcp", four.frame(number::TCP, &tcp)[..40].to_vec(), "tcp", Some("transport_truncated")),
        ("cut tag", tagged(&[DOT1Q], IPV4, &[])[..16].to_vec(), "other", Some("ethernet_truncated")),
    ]
}

/// What one frame added to a hook: packets and bytes of its protocol, and the totals.
fn added(before: &HookCounters, after: &HookCounters, protocol: &str) -> [u64; 6] {
    let of = |hook| {
        let (packets, bytes) = counted(hook, protocol);
        [packets, bytes, hook.packets(), hook.bytes(), hook.segments, hook.wire_bytes]
    };
    let (before, after) = (of(before), of(after));
    std::array::from_fn(|index| after[index] - before[index])
}

#[test]
fn a_frame_of_every_kind_is_counted_once_with_its_bytes_and_passed_on() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for (what, frame, protocol, exit) in kinds() {
            let (before, exits_before) = (fixture.end(), fixture.read().parse_exits);
            fixture.out(&frame);
            fixture.back(&frame);
            let (after, exits_after) = (fixture.end(), fixture.read().parse_exits);
            let bytes = frame.len() as u64;
            let once = [1, bytes, 1, bytes, 1, bytes];
            assert_eq!(added(&before.hooks.egress, &after.hooks.egress, protocol), once, "{what}");
            assert_eq!(added(&before.hooks.ingress, &after.hooks.ingress, protocol), once, "{what}");
            // The kernel accepts no stamp for a packet whose outermost ethertype is not IP. All others have one.
            let is_ip = [[8, 0], [0x86, 0xdd]].contains(&[frame[12], frame[13]]);
            let unstamped = after.unstamped_packets - before.unstamped_packets;
            assert_eq!(unstamped, u64::from(!is_ip), "{what}");
            let expected: Vec<_> = exit.map(|label| (label, 2)).into_iter().collect();
            let added = exits_before.iter().zip(&exits_after);
            let added =
                added.map(|(before, after)| (after.0.label(), after.1 - before.1)).filter(|&(_, n)| n > 0);
            assert_eq!(added.collect::<Vec<_>>(), expected, "{what}");
        }
    });
}

#[test]
fn a_super_packet_counts_as_the_segments_and_bytes_that_it_becomes() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        let frame = Ipv4::default().frame(number::TCP, &Tcp::default().segment(&[7; 2400]));
        let headers = 14 + 20 + 32;
        // As the stack makes it, and as a tap does that leaves the number of segments to others.
        fixture.pass_as(Direction::Egress, &frame, Offload { segments: 3, size: 1000 });
        fixture.pass_as(Direction::Ingress, &frame, Offload { segments: 0, size: 1000 });
        let end = fixture.end();
        for hook in [&end.hooks.egress, &end.hooks.ingress] {
            assert_eq!((hook.packets(), hook.bytes()), (1, frame.len() as u64));
            assert_eq!((hook.segments, hook.wire_bytes), (3, frame.len() as u64 + 2 * headers));
        }
    });
}

#[test]
fn a_packet_leaves_with_the_time_of_its_departure_and_arp_without() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for frame in [
            Ipv4::default().frame(number::UDP, &udp(1, 2, b"x")),
            Ipv6::default().frame(number::UDP, &udp(1, 2, b"x")),
        ] {
            let before = fixture.read().monotonic_ns;
            let stamp = fixture.out(&frame).time_ns;
            let after = fixture.read().monotonic_ns;
            assert_eq!(stamp & NUMBER_MASK, u64::from(number_of(fixture.id.0)), "{stamp}");
            assert!((before - NUMBER_MASK..=after).contains(&stamp), "{before} {stamp} {after}");
        }
        assert_eq!(fixture.end().unstamped_packets, 0);
        assert_eq!(fixture.out(&arp()).time_ns, 0);
        assert_eq!(fixture.end().unstamped_packets, 1);
    });
}

#[test]
fn a_stamp_becomes_one_sample_of_latency_and_then_the_time_of_arrival() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        let frame = Ipv4::default().frame(number::UDP, &udp(1, 2, b"x"));
        let now =
            || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let before = now();
        let outcome = test_run_offloaded(&fixture.stamped, &frame, Offload::default(), 1).unwrap();
        let after = now();
        assert_eq!(outcome.verdict, NEXT);
        let slack = 1_000_000;
        assert!((before - slack..after + slack).contains(&outcome.time_ns), "{before} {outcome:?} {after}");
        let link = fixture.read().links.remove(0);
        let latency = link.b_to_a.latency.unwrap();
        assert_eq!(latency.count, 1);
        assert!(latency.sum_ns > 0 && latency.sum_ns < 1_000_000_000, "{} ns", latency.sum_ns);
        // A packet that arrives without a stamp is counted, but is no sample.
        fixture.back(&frame);
        let link = fixture.read().links.remove(0);
        assert_eq!((link.b_to_a.latency.unwrap().count, link.a.hooks.ingress.packets()), (1, 2));
    });
}

#[test]
fn a_stamp_that_is_not_the_peers_is_no_sample_and_stays_as_it_is() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        let frame = Ipv4::default().frame(number::UDP, &udp(1, 2, b"x"));
        let outcome = test_run_offloaded(&fixture.foreign, &frame, Offload::default(), 1).unwrap();
        assert_eq!(outcome.verdict, NEXT);
        assert_eq!(outcome.time_ns & NUMBER_MASK, u64::from(number_of(fixture.id.0)));
        let link = fixture.read().links.remove(0);
        assert_eq!((link.b_to_a.latency.unwrap().count, link.a.hooks.ingress.packets()), (0, 1));
        let refused = link.a.refused_stamps.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
        assert_eq!(refused, [&(RefusedStamp::Foreign, 1)]);
    });
}

#[test]
fn an_echo_is_a_round_trip_once_and_in_its_own_direction_only() {
    sandbox(|| {
        let (four, six) = (Ipv4::default(), Ipv6::default());
        let mut fixture = Fixture::new();
        let ping = |kind, sequence| four.frame(number::ICMP, &echo(kind, 77, sequence));
        let pong = |kind, sequence| four.back().frame(number::ICMP, &echo(kind, 77, sequence));
        fixture.out(&ping(8, 1));
        // These are not its reply: another sequence number, the wrong hook, another request.
        fixture.back(&pong(0, 2));
        fixture.out(&pong(0, 1));
        fixture.back(&pong(8, 1));
        assert_eq!(fixture.end().round_trips.icmp.count, 0);
        fixture.back(&pong(0, 1));
        assert_eq!(fixture.end().round_trips.icmp.count, 1);
        fixture.back(&pong(0, 1));
        assert_eq!(fixture.end().round_trips.icmp.count, 1);
        // The turnaround of a ping from the other side, and a ping over IPv6.
        fixture.back(&four.back().frame(number::ICMP, &echo(8, 78, 1)));
        fixture.out(&four.frame(number::ICMP, &echo(0, 78, 1)));
        fixture.out(&six.frame(number::ICMPV6, &echo(128, 77, 1)));
        fixture.back(&six.back().frame(number::ICMPV6, &echo(129, 77, 1)));
        let icmp = fixture.end().round_trips.icmp;
        assert_eq!(icmp.count, 3);
        assert!(icmp.sum_ns > 0 && icmp.sum_ns < 1_000_000_000, "{} ns", icmp.sum_ns);
    });
}

/// A segment of the client, over IPv4 or IPv6.
/// Requests and replies of an echo, by IPv4 and by IPv6: as they leave and return, and as they arrive and are answered.
fn echo_pairs() -> [[Vec<u8>; 2]; 4] {
    let four = |kind, ip: &Ipv4| ip.frame(number::ICMP, &echo(kind, 77, 1));
    let six = |kind, ip: &Ipv6| ip.frame(number::ICMPV6, &echo(kind, 77, 1));
    let (ip, ip_six) = (Ipv4::default(), Ipv6::default());
    [
        [four(8, &ip), four(0, &ip.back())],
        [six(128, &ip_six), six(129, &ip_six.back())],
        [four(8, &ip.back()), four(0, &ip)],
        [six(128, &ip_six.back()), six(129, &ip_six)],
    ]
}

#[test]
fn a_repeated_echo_is_answered_without_a_sample() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for (pair, done) in echo_pairs().iter().zip(1..) {
            let [request, reply] = pair;
            let (ask, answer) = directions(done);
            for frame in [request, request] {
                fixture.pass(ask, frame);
            }
            let waiting = fixture.end().round_trips.icmp_requests;
            assert_eq!((waiting.waiting, waiting.repeated), (1, done));
            for frame in [reply, reply] {
                fixture.pass(answer, frame);
            }
            let trips = fixture.end().round_trips;
            let expected = Requests { repeated: done, unsampled: done, ..Requests::default() };
            assert_eq!((trips.icmp.count, trips.icmp_requests), (0, expected));
        }
    });
}

/// The hooks that request and reply of the `n`th of [`echo_pairs`] pass.
fn directions(n: u64) -> (Direction, Direction) {
    if n <= 2 { (Direction::Egress, Direction::Ingress) } else { (Direction::Ingress, Direction::Egress) }
}

#[test]
fn an_echo_to_a_group_waits_for_no_reply() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for (pair, n) in echo_pairs().into_iter().zip(1..) {
            let (ask, answer) = directions(n);
            let [mut request, reply] = pair;
            request[0] |= 1;
            fixture.pass(ask, &request);
            fixture.pass(answer, &reply);
        }
        let trips = fixture.end().round_trips;
        assert_eq!((trips.icmp.count, trips.icmp_requests), (0, Requests::default()));
    });
}

#[test]
fn an_echo_whose_reply_comes_by_another_interface_is_answered_without_a_sample() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        for (pair, done) in echo_pairs().iter().take(2).zip(1..) {
            let [request, reply] = pair;
            fixture.out(request);
            fixture.back_at_peer(reply);
            fixture.back_at_peer(reply);
            let trips = fixture.end().round_trips;
            let expected = Requests { unsampled: done, ..Requests::default() };
            assert_eq!((trips.icmp.count, trips.icmp_requests), (0, expected));
        }
        // If the reply is forwarded to the first interface after all, it is a round trip there.
        for (pair, done) in echo_pairs().iter().take(2).zip(1..) {
            fixture.back(&pair[1]);
            let trips = fixture.end().round_trips;
            let expected = Requests { unsampled: 2 - done, ..Requests::default() };
            assert_eq!((trips.icmp.count, trips.icmp_requests), (done, expected));
        }
        let peer = fixture.read().links.remove(0).b.unwrap().round_trips;
        assert_eq!((peer.icmp.count, peer.icmp_requests), (0, Requests::default()));
    });
}

fn client(six: bool, flags: u8, sequence: u32, acknowledged: u32, payload: &[u8]) -> Vec<u8> {
    let tcp = Tcp { flags, sequence, acknowledged, ..Tcp::default() }.segment(payload);
    if six { Ipv6::default().frame(number::TCP, &tcp) } else { Ipv4::default().frame(number::TCP, &tcp) }
}

fn server(six: bool, flags: u8, sequence: u32, acknowledged: u32, payload: &[u8]) -> Vec<u8> {
    let tcp = Tcp { flags, sequence, acknowledged, source: 80, destination: 40_000, ..Tcp::default() };
    let tcp = tcp.segment(payload);
    if six {
        Ipv6::default().back().frame(number::TCP, &tcp)
    } else {
        Ipv4::default().back().frame(number::TCP, &tcp)
    }
}

#[test]
fn a_connection_gives_one_handshake_and_a_response_for_each_request() {
    for six in [false, true] {
        sandbox(|| {
            let mut fixture = Fixture::new();
            fixture.out(&client(six, SYN, 99, 0, b""));
            fixture.back(&server(six, SYN | ACK, 499, 100, b""));
            fixture.out(&client(six, ACK, 100, 500, b""));
            let trips = fixture.end().round_trips;
            assert_eq!((trips.tcp_handshake.count, trips.tcp_response.count), (1, 0));
            for request in 0..3 {
                let (ours, theirs) = (100 + request * 10, 500 + request * 1000);
                fixture.out(&client(six, ACK | PSH, ours, theirs, b"GET /index"));
                fixture.back(&server(six, ACK, theirs, ours + 10, b""));
                fixture.back(&server(six, ACK | PSH, theirs, ours + 10, &[2; 1000]));
                fixture.out(&client(six, ACK, ours + 10, theirs + 1000, b""));
            }
            fixture.out(&client(six, ACK | FIN, 130, 3500, b""));
            fixture.back(&server(six, ACK | FIN, 3500, 131, b""));
            let end = fixture.end();
            let trips = end.round_trips;
            assert_eq!((trips.tcp_handshake.count, trips.tcp_response.count), (1, 3));
            assert_eq!(trips.tcp_rtt.unwrap().count, 3);
            assert_eq!((end.hooks.egress.packets(), end.hooks.ingress.packets()), (9, 8));
        });
    }
}

#[test]
fn the_endpoint_at_the_server_sees_the_same_connection_the_other_way_round() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        fixture.back(&client(false, SYN, 99, 0, b""));
        fixture.out(&server(false, SYN | ACK, 499, 100, b""));
        fixture.back(&client(false, ACK, 100, 500, b""));
        fixture.back(&client(false, ACK | PSH, 100, 500, b"GET /index"));
        fixture.out(&server(false, ACK | PSH, 500, 110, &[2; 10]));
        fixture.back(&client(false, ACK, 110, 510, b""));
        let trips = fixture.end().round_trips;
        assert_eq!((trips.tcp_handshake.count, trips.tcp_response.count), (1, 1));
        assert_eq!(trips.tcp_rtt.unwrap().count, 1);
    });
}

#[test]
fn what_was_sent_again_and_what_was_refused_give_no_sample() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        fixture.out(&client(false, SYN, 99, 0, b""));
        fixture.out(&client(false, SYN, 99, 0, b""));
        fixture.back(&server(false, SYN | ACK, 499, 100, b""));
        fixture.out(&client(false, ACK, 100, 500, b""));
        fixture.out(&client(false, ACK | PSH, 100, 500, &[1; 10]));
        fixture.out(&client(false, ACK | PSH, 100, 500, &[1; 10]));
        fixture.back(&server(false, ACK, 500, 110, b""));
        let trips = fixture.end().round_trips;
        assert_eq!((trips.tcp_handshake.count, trips.tcp_rtt.unwrap().count), (0, 0));
        // A new connection on the same ports, refused.
        fixture.out(&client(false, SYN, 70_000, 0, b""));
        fixture.back(&server(false, RST | ACK, 0, 70_001, b""));
        assert_eq!(fixture.end().round_trips.tcp_handshake.count, 0);
    });
}

#[test]
fn padding_behind_an_acknowledgment_is_no_response() {
    sandbox(|| {
        let mut fixture = Fixture::new();
        fixture.out(&client(false, SYN, 99, 0, b""));
        fixture.back(&server(false, SYN | ACK, 499, 100, b""));
        fixture.out(&client(false, ACK | PSH, 100, 500, &[1; 10]));
        let mut padded = server(false, ACK, 500, 110, b"");
        padded.resize(padded.len() + 20, 0);
        fixture.back(&padded);
        let trips = fixture.end().round_trips;
        assert_eq!((trips.tcp_response.count, trips.tcp_rtt.unwrap().count), (0, 1));
    });
}

#[test]
fn a_dns_query_is_a_round_trip_once_by_its_id() {
    sandbox(|| {
        let (four, six) = (Ipv4::default(), Ipv6::default());
        let mut fixture = Fixture::new();
        fixture.out(&four.frame(number::UDP, &udp(5000, 53, &dns_query(7))));
        fixture.back(&four.back().frame(number::UDP, &udp(53, 5000, &dns_response(8, 0))));
        fixture.back(&four.back().frame(number::UDP, &udp(53, 5001, &dns_response(7, 0))));
        assert_eq!(fixture.end().round_trips.dns.unwrap().count, 0);
        fixture.back(&four.back().frame(number::UDP, &udp(53, 5000, &dns_response(7, 3))));
        fixture.back(&four.back().frame(number::UDP, &udp(53, 5000, &dns_response(7, 3))));
        assert_eq!(fixture.end().round_trips.dns.unwrap().count, 1);
        fixture.out(&six.frame(number::UDP, &udp(5000, 53, &dns_query(7))));
        fixture.back(&six.back().frame(number::UDP, &udp(53, 5000, &dns_response(7, 0))));
        // Too short to be DNS, and still a UDP packet.
        fixture.out(&four.frame(number::UDP, &udp(5000, 53, &[1, 2])));
        let end = fixture.end();
        assert_eq!((end.round_trips.dns.unwrap().count, counted(&end.hooks.egress, "udp").0), (2, 3));
        // Responses count whether or not a query waits for them.
        assert_eq!(end.round_trips.dns_responses, [("noerror", 3), ("nxdomain", 2)]);
        assert_eq!(end.round_trips.dns_queries, Requests::default());
    });
}

#[test]
fn with_flows_switched_off_packets_are_counted_and_conversations_are_not_followed() {
    sandbox(|| {
        let mut fixture = Fixture::with(&Options { flow_entries: 0, ..Options::default() });
        fixture.out(&Ipv4::default().frame(number::ICMP, &echo(8, 1, 1)));
        fixture.back(&Ipv4::default().back().frame(number::ICMP, &echo(0, 1, 1)));
        let end = fixture.end();
        assert_eq!(
            (end.round_trips.icmp.count, end.hooks.egress.packets(), end.hooks.ingress.packets()),
            (0, 1, 1)
        );
    });
}

#[test]
fn every_program_stays_far_below_the_limit_of_the_verifier() {
    sandbox(|| {
        let fixture = Fixture::new();
        for cost in fixture.meter.datapath().program_costs().unwrap() {
            // The kernel's limit is a million: growth towards it shows here first.
            let verified = cost.verified_instructions.unwrap();
            assert!((10..250_000).contains(&verified), "{}: {verified}", cost.name);
        }
    });
}
