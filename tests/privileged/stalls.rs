//! Paths that stand still, and packets that never leave: what is lost, and what is not.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, scrape},
    counts::{DIRECT, added, kernel},
    direct::{await_carriers, link_status},
    eventually::eventually,
    labs::valid,
    sandbox::{run, run_in, sandbox},
    tc::qdisc,
};

const DATAGRAMS: usize = 400;
const STALL: Duration = Duration::from_secs(20);

fn lost() -> f64 {
    scrape().sum("netmon_link_lost_packets_total", &[])
}

/// Both ends: namespace, interface, and address.
const ENDS: [(&str, &str, &str); 2] =
    [("root", "veth0", "10.200.0.2"), ("direct_netns", "veth1", "10.200.0.3")];

fn tbf(verb: &str, rate: &str) {
    for (namespace, interface, _) in ENDS {
        let words = [
            "qdisc", verb, "dev", interface, "root", "tbf", "rate", rate, "burst", "3000", "limit", "3000000",
        ];
        run_in(namespace, "tc", &words);
    }
}

/// A socket in the namespace of an end. It does not wait.
fn socket((namespace, _, address): (&str, &str, &str)) -> UdpSocket {
    let bind = || UdpSocket::bind((address, 6000)).expect("an address of the lab");
    let socket = match namespace {
        "root" => bind(),
        _ => NetNs::open(&valid(namespace)).expect("a namespace").run(bind).expect("a thread in it"),
    };
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &(8 << 20))
        .expect("a buffer");
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::SndBufForce, &(8 << 20))
        .expect("a buffer");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

fn received(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2000];
    let next = || match socket.recv(&mut buffer) {
        Ok(_) => Some(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    };
    std::iter::from_fn(next).count()
}

#[test]
fn a_path_that_stands_still_and_then_delivers_everything_has_lost_nothing() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        let sockets = ENDS.map(socket);
        tbf("add", "50mbit");
        tbf("change", "8bit");
        let send = |count: usize| {
            for (from, (_, _, to)) in sockets.iter().zip([ENDS[1], ENDS[0]]) {
                for _ in 0..count {
                    from.send_to(&[7; 1000], (to, 6000)).expect("a queue with room");
                }
            }
        };
        send(DATAGRAMS);
        let begun = Instant::now();
        eventually("the end of the stall", 2 * STALL, || {
            assert_eq!(lost(), 0.0, "after {:?}", begun.elapsed());
            (begun.elapsed() > STALL).then_some(())
        });
        let waiting = qdisc("root", "veth0", "tbf").expect("a tbf").waiting;
        assert!(waiting > DATAGRAMS as u64 / 2, "{waiting} packets wait");
        tbf("change", "50mbit");
        // A queue looks at its new rate when the next packet comes.
        send(1);
        let mut arrived = [0; 2];
        eventually("all datagrams", Duration::from_secs(20), || {
            for (arrived, socket) in arrived.iter_mut().zip(&sockets) {
                *arrived += received(socket);
            }
            (arrived == [DATAGRAMS + 1; 2]).then_some(())
        });
        run("ping", &["-q", "-c", "30", "-i", "0.1", "10.200.0.3"]);
        assert_eq!(lost(), 0.0);
    });
}

#[test]
fn what_is_sent_to_an_end_that_is_down_is_lost_soon() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        let mac = run_in("direct_netns", "cat", &["/sys/class/net/veth1/address"]);
        run("ip", &["neigh", "replace", "10.200.0.3", "lladdr", mac.trim(), "dev", "veth0"]);
        run_in("direct_netns", "ip", &["link", "set", "veth1", "down"]);
        let socket = UdpSocket::bind("10.200.0.2:0").expect("an address of the lab");
        // The kernel's answer to a drop may be an error.
        (0..100).for_each(|_| drop(socket.send_to(b"lost", "10.200.0.3:9")));
        // It takes a second (ADR 0024).
        eventually("the loss", Duration::from_secs(10), || (lost() >= 100.0).then_some(()));
        // IPv6 may have said something, too.
        let begun = Instant::now();
        eventually("two seconds more", Duration::from_secs(10), || {
            (begun.elapsed() > Duration::from_secs(2)).then_some(())
        });
        let (_, dropped) = kernel("root", "veth0");
        assert!((100.0..=dropped).contains(&lost()), "{} of {dropped}", lost());
    });
}

#[test]
fn what_the_kernel_gives_back_to_a_sender_is_not_traffic_of_the_link() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        await_carriers();
        run("ip", &["route", "add", "224.0.0.0/4", "dev", "veth0"]);
        let member = UdpSocket::bind("0.0.0.0:7000").expect("a port");
        let group = "239.1.2.3".parse().expect("an address");
        member.join_multicast_v4(&group, &"10.200.0.2".parse().expect("an address")).expect("membership");
        let ends = added(&DIRECT, || {
            for command in [
                &["-6", "-q", "-c", "5", "-i", "0.05", "ff02::1%veth0"][..],
                &["-q", "-b", "-c", "5", "-i", "0.05", "10.200.0.255"],
            ] {
                // Whether it is answered does not matter.
                let _ = std::process::Command::new("ping").args(command).args(["-W", "1"]).output();
            }
            for _ in 0..5 {
                member.send_to(b"to us all", (group, 7000)).expect("a route");
            }
        });
        for (end, name) in ends.iter().zip(DIRECT) {
            for (hook, kernel) in end.hooks.iter().zip(&end.kernel) {
                assert_eq!(hook.whole, *kernel, "{name:?}");
            }
        }
        assert!(scrape().sum("netmon_parse_exits_total", &[("reason", "looped_back")]) >= 15.0);
        let audits = eventually("an audit", Duration::from_secs(20), || {
            let link = link_status();
            let of = |end: &str| link[end]["ingress"]["audit"]["difference_packets"].as_i64();
            of("a").zip(of("b"))
        });
        assert_eq!(audits, (0, 0));
    });
}
