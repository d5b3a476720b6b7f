//! Frames that `BPF_PROG_TEST_RUN` cannot make, over a real veth pair from a packet socket.
//!
//! TEST_RUN makes linear frames only. A socket that sends more than a page puts only the Ethernet header into the
//! linear part, so that all other headers are read through the helper. TEST_RUN also refuses IP packets that end
//! within their header.

use std::time::Duration;

use netmon::{datapath::Options, watch::Meter};
use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::snapshot::LinkSnapshot;
use netmon_tests::{
    eventually::eventually,
    packets::{
        Ipv4, Ipv6, Tcp, dns_query, dns_response, echo,
        flag::{ACK, PSH, SYN},
        number, udp,
    },
    pair::{pair, set_up},
    sandbox::sandbox,
};

/// More than a page, so that the frame is non-linear; the MTU of the interfaces is 9,000.
const SIZE: usize = 6000;

/// A long message that begins with `head`.
fn long(head: &[u8]) -> Vec<u8> {
    let mut message = head.to_vec();
    message.resize(SIZE, 0x55);
    message
}

struct Wire {
    meter: Meter,
    one: PacketSocket,
    two: PacketSocket,
    sent: u64,
}

impl Wire {
    fn new() -> Self {
        let ends = pair();
        let mut meter = Meter::load(&Options::default()).unwrap();
        meter.attach(&ends).unwrap();
        set_up();
        let [one, two] = ends.map(|end| PacketSocket::open(end.ifindex.0).unwrap());
        Self { meter, one, two, sent: 0 }
    }

    fn read(&mut self) -> LinkSnapshot {
        self.meter.snapshot().unwrap().links.remove(0)
    }

    /// Sends from one end, and waits until the frame has arrived at the other.
    fn send(&mut self, from_one: bool, frame: &[u8]) {
        let socket = if from_one { &self.one } else { &self.two };
        socket.send(frame).unwrap();
        self.sent += 1;
        eventually("the frame at the other end", Duration::from_secs(20), || {
            let link = self.read();
            (link.ends().map(|end| end.hooks.ingress.packets()).sum::<u64>() == self.sent).then_some(())
        });
    }
}

#[test]
fn headers_that_are_scattered_are_read_like_any_other() {
    sandbox(|| {
        let mut wire = Wire::new();
        let (four, six) = (Ipv4::default(), Ipv6::default());
        let mut bytes = 0;
        for (protocol, frame) in [
            ("udp", four.frame(number::UDP, &udp(5000, 6000, &long(b"")))),
            ("tcp", six.frame(number::TCP, &Tcp::default().segment(&long(b"")))),
            ("icmp", four.frame(number::ICMP, &long(&echo(8, 1, 1)))),
        ] {
            wire.send(true, &frame);
            bytes += frame.len() as u64;
            let link = wire.read();
            for hook in [&link.a.hooks.egress, &link.b.as_ref().unwrap().hooks.ingress] {
                let of = hook.protocols.iter().find(|(of, _)| of.label() == protocol).unwrap().1;
                assert_eq!((of.packets, of.bytes), (1, frame.len() as u64), "{protocol}");
                assert_eq!(hook.bytes(), bytes);
            }
        }
        let reading = wire.meter.snapshot().unwrap();
        assert!(reading.parse_exits.iter().all(|&(_, count)| count == 0), "{:?}", reading.parse_exits);
        assert_eq!(reading.links[0].a_to_b.latency.as_ref().unwrap().count, 3);
    });
}

#[test]
fn a_runt_of_any_length_is_counted_with_its_bytes_and_a_reason() {
    sandbox(|| {
        let mut wire = Wire::new();
        let tcp = Tcp::default().segment(b"");
        let (mut packets, mut bytes) = (0, 0);
        for frame in [Ipv4::default().frame(number::TCP, &tcp), Ipv6::default().frame(number::TCP, &tcp)] {
            // The socket refuses less than an Ethernet header; with 20 bytes of TCP all that the programs read is
            // there.
            for length in 14..frame.len() - 12 {
                wire.send(true, &frame[..length]);
                packets += 1;
                bytes += length as u64;
            }
        }
        let reading = wire.meter.snapshot().unwrap();
        let link = &reading.links[0];
        for hook in [&link.a.hooks.egress, &link.b.as_ref().unwrap().hooks.ingress] {
            assert_eq!((hook.packets(), hook.bytes()), (packets, bytes));
        }
        let truncated = ["ipv4_truncated", "ipv6_truncated", "transport_truncated"];
        let exits = reading.parse_exits.iter().filter(|(exit, _)| truncated.contains(&exit.label()));
        assert_eq!(exits.map(|(_, count)| count).sum::<u64>(), 2 * packets);
    });
}

#[test]
fn conversations_of_scattered_packets_are_followed() {
    sandbox(|| {
        let mut wire = Wire::new();
        let four = Ipv4::default();
        wire.send(true, &four.frame(number::ICMP, &long(&echo(8, 1, 1))));
        wire.send(false, &four.back().frame(number::ICMP, &long(&echo(0, 1, 1))));
        wire.send(true, &four.frame(number::UDP, &udp(5000, 53, &long(&dns_query(7)))));
        wire.send(false, &four.back().frame(number::UDP, &udp(53, 5000, &long(&dns_response(7, 0)))));
        let tcp = |flags, sequence, acknowledged| Tcp { flags, sequence, acknowledged, ..Tcp::default() };
        let ours = |tcp: Tcp, payload: &[u8]| four.frame(number::TCP, &tcp.segment(payload));
        let theirs = |tcp: Tcp, payload: &[u8]| {
            let tcp = Tcp { source: tcp.destination, destination: tcp.source, ..tcp };
            four.back().frame(number::TCP, &tcp.segment(payload))
        };
        wire.send(true, &ours(tcp(SYN, 99, 0), b""));
        wire.send(false, &theirs(tcp(SYN | ACK, 499, 100), b""));
        wire.send(true, &ours(tcp(ACK | PSH, 100, 500), &long(b"GET ")));
        wire.send(false, &theirs(tcp(ACK | PSH, 500, 100 + SIZE as u32), &long(b"200")));
        let link = wire.read();
        for end in [link.a, link.b.unwrap()] {
            let trips = end.round_trips;
            assert_eq!((trips.icmp.count, trips.dns.unwrap().count), (1, 1), "{}", end.interface);
            assert_eq!((trips.tcp_handshake.count, trips.tcp_response.count), (1, 1), "{}", end.interface);
        }
    });
}
