//! Echo requests that no host answers by itself in the usual way: to groups, on another path, twice. ping is the witness.

use std::{fs, time::Duration};

use netmon_kernel::{netns::NetNs, sys::packet_socket::PacketSocket};
use netmon_tests::{
    agent::Agent,
    eventually::{eventually, eventually_equal},
    interface::ifindex,
    lab_files::shipped,
    packets::{Ipv4, Ipv6, echo, number},
    ping::sent_and_received,
    requests::{Requests, echoes},
    sandbox::{run, run_in, sandbox},
};

const LAB: &str = r#"
[[namespace]]
name = "far"
[[link]]
a = { namespace = "root", interface = "va", addresses = ["10.9.0.1/24", "fd09::1/64"] }
b = { namespace = "far", interface = "vb", addresses = ["10.9.0.2/24", "fd09::2/64"] }
"#;
const BACK: &str = r#"
[[link]]
a = { namespace = "root", interface = "ra", addresses = ["10.8.0.1/24", "fd08::1/64"] }
b = { namespace = "far", interface = "rb", addresses = ["10.8.0.2/24", "fd08::2/64"] }
"#;
/// Both ends of the first link, and of the second.
const ASKS: [(&str, &str); 2] = [("root", "va"), ("far", "vb")];
const ANSWERS: [(&str, &str); 2] = [("root", "ra"), ("far", "rb")];
/// Requests are unanswered after five seconds; how many is known when their epoch is closed.
const PATIENCE: Duration = Duration::from_secs(20);

fn start(lab: &str) -> Agent {
    fs::write("/run/requests.toml", lab).unwrap();
    Agent::start(["/run/requests.toml"])
}

/// Sends `count` echo requests, and asserts that all are answered.
fn ping(from: &str, count: f64, arguments: &[&str]) {
    let options = ["-q", "-c", &count.to_string(), "-i", "0.02", "-W", "2"];
    let report = run_in(from, "ping", &[&options, arguments].concat());
    assert_eq!(sent_and_received(&report), [count, count], "{report}");
}

fn await_echoes(at: (&str, &str), expected: Requests) {
    eventually_equal(&format!("echoes at {at:?}"), PATIENCE, || (echoes(at), expected));
}

/// `ping -b` waits for replies from any address, which a request to a group gets.
#[test]
fn echoes_to_groups_are_not_unanswered() {
    sandbox(|| {
        let _agent = start(LAB);
        run_in("far", "sysctl", &["-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0"]);
        // Neighbours are resolved before they are counted.
        ping("root", 1.0, &["10.9.0.2"]);
        ping("root", 1.0, &["fd09::2"]);
        let mut expected = Requests::answered(2.0);
        for at in ASKS {
            await_echoes(at, expected);
        }
        ping("root", 10.0, &["-b", "10.9.0.255"]);
        ping("root", 10.0, &["-I", "va", "224.0.0.1"]);
        ping("root", 10.0, &["ff02::1%va"]);
        // When the epoch of a later request is closed, those of the earlier ones are closed, too.
        run_in("far", "sysctl", &["-qw", "net.ipv4.icmp_echo_ignore_all=1"]);
        let silent = ["-q", "-c", "1", "-W", "1", "10.9.0.2"];
        assert!(!std::process::Command::new("ping").args(silent).output().unwrap().status.success());
        expected.unanswered = 1.0;
        for at in ASKS {
            await_echoes(at, expected);
        }
    });
}

/// Addresses behind both ends, and a route for each direction: requests go by one link, replies by the other.
fn part_the_ways() {
    for (netns, addresses, route, via) in [
        ("root", ["10.98.0.1/32", "fd98::1/128"], ["10.99.0.2", "fd99::2"], ["10.9.0.2", "fd09::2"]),
        ("far", ["10.99.0.2/32", "fd99::2/128"], ["10.98.0.1", "fd98::1"], ["10.8.0.1", "fd08::1"]),
    ] {
        for interface in ["all", "va", "vb", "ra", "rb"] {
            // Half of them are in the other namespace.
            let filter = format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter");
            run_in(netns, "sh", &["-c", &format!("[ ! -e {filter} ] || echo 0 > {filter}")]);
        }
        for address in addresses {
            run_in(netns, "ip", &["addr", "add", address, "dev", "lo"]);
        }
        for (to, via) in route.into_iter().zip(via) {
            run_in(netns, "ip", &["route", "add", to, "via", via]);
        }
    }
}

#[test]
fn echoes_that_are_answered_on_another_path_are_answered_without_a_round_trip() {
    sandbox(|| {
        let _agent = start(&[LAB, BACK].concat());
        part_the_ways();
        ping("root", 20.0, &["-I", "10.98.0.1", "10.99.0.2"]);
        ping("root", 20.0, &["-I", "fd98::1", "fd99::2"]);
        // None waits, so none can become unanswered.
        for at in ASKS {
            await_echoes(at, Requests { unsampled: 40.0, ..Requests::default() });
        }
        for at in ANSWERS {
            await_echoes(at, Requests::default());
        }
        // And those on one path have a round trip, in either direction.
        ping("root", 5.0, &["10.9.0.2"]);
        ping("far", 5.0, &["10.9.0.1"]);
        ping("root", 5.0, &["fd09::2"]);
        for at in ASKS {
            await_echoes(at, Requests { samples: 15.0, unsampled: 40.0, ..Requests::default() });
        }
    });
}

/// Sockets for raw frames at both ends of the link.
fn sockets() -> [PacketSocket; 2] {
    let open = |(netns, interface)| {
        let index = ifindex(netns, interface);
        let socket = || PacketSocket::open(index).unwrap();
        if netns == "root" {
            socket()
        } else {
            NetNs::open(&netns.parse().unwrap()).unwrap().run(socket).unwrap()
        }
    };
    ASKS.map(open)
}

/// Two programs with one identifier, as in two containers of a pod, where each ping is process 1. Which request a reply
/// belongs to cannot be known.
#[test]
fn echoes_of_two_senders_with_one_identifier_are_repeated_and_answered_without_a_round_trip() {
    sandbox(|| {
        let _agent = start(LAB);
        let [asks, answers] = sockets();
        let (four, six) = (Ipv4::default(), Ipv6::default());
        let ping = |sequence| {
            let [request, request_six] = [8, 128].map(|kind| echo(kind, 1, sequence));
            let [reply, reply_six] = [0, 129].map(|kind| echo(kind, 1, sequence));
            [
                (four.frame(number::ICMP, &request), four.back().frame(number::ICMP, &reply)),
                (six.frame(number::ICMPV6, &request_six), six.back().frame(number::ICMPV6, &reply_six)),
            ]
        };
        for (request, reply) in (0..20).flat_map(ping) {
            for (socket, frame) in [(&asks, &request), (&answers, &reply)] {
                for _ in 0..2 {
                    socket.send(frame).unwrap();
                }
            }
        }
        for at in ASKS {
            await_echoes(at, Requests { unsampled: 40.0, repeated: 40.0, ..Requests::default() });
        }
    });
}

/// One packet passes several interfaces of a namespace: the ports of a bridge, the interfaces of a router.
#[test]
fn echoes_through_a_bridge_or_a_router_are_a_round_trip_at_each_interface() {
    let bridge = [("root", "box1-port"), ("box1", "eth0"), ("root", "box2-port"), ("box2", "eth0")];
    let router = [("client", "eth0"), ("router", "to-client"), ("router", "to-server"), ("server", "eth0")];
    for (lab, from, to, ends) in [
        ("bridge.toml", "box1", &["10.201.0.3"][..], bridge),
        ("router.toml", "client", &["10.206.2.2", "fd00:206:2::2"], router),
    ] {
        sandbox(|| {
            let _agent = Agent::start([shipped(lab)]);
            let mut sent = 0.0;
            for to in to {
                ping(from, 20.0, &[to]);
                sent += 20.0;
            }
            for at in ends {
                await_echoes(at, Requests::answered(sent));
            }
        });
    }
}

/// A bridge that learns no addresses sends each frame to all other ports, as a hub. One copy is answered.
#[test]
fn copies_of_an_echo_that_a_bridge_floods_are_answered_as_the_one_that_is() {
    const BOXES: [(&str, &str); 3] = [("one", "port1"), ("two", "port2"), ("three", "port3")];
    let link = |((netns, port), host): ((&str, &str), u8)| {
        format!(
            "[[namespace]]\nname = \"{netns}\"\n[[link]]\n\
             a = {{ namespace = \"root\", interface = \"{port}\", bridge = \"hub\" }}\n\
             b = {{ namespace = \"{netns}\", interface = \"eth0\", addresses = [\"10.9.0.{host}/24\", \
             \"fd09::{host}/64\"] }}\n"
        )
    };
    sandbox(|| {
        let links: String = BOXES.into_iter().zip(1..).map(link).collect();
        let _agent = start(&format!("[[bridge]]\nname = \"hub\"\nnamespace = \"root\"\n{links}"));
        run("ip", &["link", "set", "hub", "type", "bridge", "ageing_time", "0"]);
        ping("one", 10.0, &["10.9.0.2"]);
        ping("one", 10.0, &["fd09::2"]);
        for at in [("one", "eth0"), ("root", "port1"), ("root", "port2"), ("two", "eth0")] {
            await_echoes(at, Requests::answered(20.0));
        }
        await_echoes(("root", "port3"), Requests { unsampled: 20.0, ..Requests::default() });
    });
}

#[test]
fn problems_with_requests_are_shown_in_the_status() {
    sandbox(|| {
        let _agent = start(LAB);
        let [asks, _] = sockets();
        let request = Ipv4::default().frame(number::ICMP, &echo(8, 1, 1));
        for _ in 0..2 {
            asks.send(&request).unwrap();
        }
        eventually("the repetition in the status", PATIENCE, || {
            let status = run(netmon_tests::binary::netmon().to_str().unwrap(), &["status"]);
            status.contains("ICMP echoes repeated: 1").then_some(())
        });
    });
}
