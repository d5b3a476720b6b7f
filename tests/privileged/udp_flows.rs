//! Conversations over UDP in `netmon flows`, with `netmon run --udp-flows`: every packet and byte, in both directions.

use std::{fs, net::UdpSocket, thread, time::Duration};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, scrape},
    commands::{printed, succeeds},
    eventually::eventually,
    packets::{dns_query, dns_response},
    sandbox::sandbox,
};
use serde_json::Value;

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "/run/sandbox/talk.toml";
const LAB: &str = r#"
name = "talk"
[[namespace]]
name = "red"
[[link]]
name = "wire"
a = { namespace = "root", interface = "talk0", addresses = ["10.39.0.1/24", "fd00:39::1/64"] }
b = { namespace = "red", interface = "eth0", addresses = ["10.39.0.2/24", "fd00:39::2/64"] }
"#;
/// Headers in front of a payload: Ethernet and UDP, and IP.
const HEADERS_V4: u64 = 14 + 8 + 20;
const HEADERS_V6: u64 = 14 + 8 + 40;

fn agent(arguments: &[&str]) -> Agent {
    fs::write(FILE, LAB).expect("a lab file");
    Agent::start([&[FILE], arguments].concat())
}

/// A connected pair of sockets: one in root, one in the namespace.
fn sockets(root: &str, inside: &str) -> [UdpSocket; 2] {
    let netns = NetNs::open(&"red".parse().expect("a name")).expect("a namespace of the lab");
    // An address of IPv6 may not be ready yet.
    let bound = |address: &str| eventually("an address", PATIENCE, || UdpSocket::bind(address).ok());
    let here = bound(root);
    let there = netns.run(|| bound(inside)).expect("a thread inside");
    here.connect(inside).expect("a route");
    there.connect(root).expect("a route");
    for socket in [&here, &there] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    }
    [here, there]
}

/// Sends packets one after the other, each once the one before has arrived.
fn send(from: &UdpSocket, to: &UdpSocket, packets: usize, payload: &[u8]) {
    let mut buffer = [0; 2048];
    for _ in 0..packets {
        from.send(payload).expect("a packet that leaves");
        assert_eq!(to.recv(&mut buffer).expect("a packet that arrives"), payload.len());
    }
}

fn flows(arguments: &[&str]) -> Value {
    let said = printed(&[&["flows", "--protocol", "udp", "-o", "json"], arguments].concat());
    serde_json::from_str(&said).expect("JSON")
}

/// The conversation that a namespace sees with this local address.
fn seen(listed: &Value, namespace: &str, local: &str) -> Value {
    let all = listed["flows"].as_array().expect("flows");
    let mut of_end = all.iter().filter(|flow| flow["namespace"] == namespace && flow["local"] == local);
    let flow = of_end.next().unwrap_or_else(|| panic!("no flow of {local} at {namespace}: {listed:#}"));
    assert!(of_end.next().is_none(), "two flows of {local} at {namespace}: {listed:#}");
    flow.clone()
}

fn counts(flow: &Value, direction: &str) -> [u64; 2] {
    ["packets", "bytes"].map(|field| flow[direction][field].as_u64().expect("a count"))
}

#[test]
fn every_packet_and_byte_of_a_conversation_is_counted_at_both_ends() {
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "1024"]);
        for (root, inside, headers) in [
            ("10.39.0.1:7001", "10.39.0.2:7002", HEADERS_V4),
            ("[fd00:39::1]:7001", "[fd00:39::2]:7002", HEADERS_V6),
        ] {
            let [here, there] = sockets(root, inside);
            send(&here, &there, 100, &[1; 50]);
            send(&there, &here, 60, &[2; 1000]);
            let (asked, answered) = ([100, 100 * (headers + 50)], [60, 60 * (headers + 1000)]);
            let listed = flows(&[]);
            let (client, server) = (seen(&listed, "root", root), seen(&listed, "red", inside));
            assert_eq!((counts(&client, "egress"), counts(&client, "ingress")), (asked, answered));
            assert_eq!((counts(&server, "egress"), counts(&server, "ingress")), (answered, asked));
            assert_eq!((&client["remote"], &server["remote"]), (&inside.into(), &root.into()));
            assert_eq!((&client["opened_by"], &server["opened_by"]), (&"local".into(), &"remote".into()));
            assert_eq!((&client["state"], &client["protocol"]), (&"open".into(), &"udp".into()));
            assert!(client["rtt_ns"].is_null() && client["idle_ns"].as_u64() < client["age_ns"].as_u64());
        }
        assert_eq!(scrape().sum("netmon_udp_flow_entries", &[]), 4.0);
        assert_eq!(scrape().sum("netmon_udp_flow_evictions_total", &[]), 0.0);
        let table = succeeds(&["flows", "--sort", "bytes", "--namespace", "root"]);
        assert!(table.contains("udp") && table.contains("UDP: 4 of 1,024 table entries used"), "{table}");
    });
}

#[test]
fn two_threads_that_send_through_one_socket_lose_no_count() {
    const EACH: u64 = 20_000;
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "1024"]);
        let [here, _there] = sockets("10.39.0.1:7001", "10.39.0.2:7002");
        thread::scope(|scope| {
            for _ in 0..2 {
                scope
                    .spawn(|| (0..EACH).for_each(|_| assert_eq!(here.send(&[0; 18]).expect("a packet"), 18)));
            }
        });
        let client = seen(&flows(&[]), "root", "10.39.0.1:7001");
        assert_eq!(counts(&client, "egress"), [2 * EACH, 2 * EACH * (HEADERS_V4 + 18)]);
        assert_eq!(client["state"], "opening", "it was not answered");
    });
}

#[test]
fn a_datagram_in_fragments_counts_with_its_first_one() {
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "1024"]);
        let [here, there] = sockets("10.39.0.1:7001", "10.39.0.2:7002");
        here.send(&[7; 4000]).expect("a datagram that leaves");
        assert_eq!(there.recv(&mut [0; 4096]).expect("a datagram that arrives"), 4000);
        let client = seen(&flows(&[]), "root", "10.39.0.1:7001");
        // The others have no ports. The hook counts all three.
        assert_eq!(counts(&client, "egress"), [1, 1514]);
        let labels = [("netns", "root"), ("direction", "egress"), ("protocol", "udp")];
        assert!(scrape().sum("netmon_packets_total", &labels) >= 3.0);
    });
}

#[test]
fn conversations_that_do_not_fit_make_room_and_are_counted() {
    const CONVERSATIONS: u16 = 20;
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "8"]);
        let [here, there] = sockets("10.39.0.1:7001", "10.39.0.2:7002");
        drop(here);
        for port in 0..CONVERSATIONS {
            let one = UdpSocket::bind(("10.39.0.1", 8000 + port)).expect("a port");
            one.send_to(b"x", "10.39.0.2:7002").expect("a packet");
        }
        drop(there);
        let state = scrape();
        assert_eq!(state.sum("netmon_udp_flow_entries", &[]), 8.0);
        assert_eq!(state.sum("netmon_udp_flow_evictions_total", &[]), f64::from(2 * CONVERSATIONS - 8));
        assert_eq!(flows(&[])["udp_table"]["evicted"], 2 * CONVERSATIONS - 8);
        assert_eq!(state.sum("netmon_flow_evictions_total", &[]), 0.0, "the table of TCP is another one");
    });
}

#[test]
fn dns_is_a_conversation_and_still_a_round_trip() {
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "1024"]);
        let [here, there] = sockets("10.39.0.1:7001", "10.39.0.2:53");
        let (query, response) = (dns_query(9), dns_response(9, 0));
        send(&here, &there, 1, &query);
        send(&there, &here, 1, &response);
        let client = seen(&flows(&["--namespace", "root"]), "root", "10.39.0.1:7001");
        assert_eq!(counts(&client, "egress"), [1, HEADERS_V4 + query.len() as u64]);
        assert_eq!(counts(&client, "ingress"), [1, HEADERS_V4 + response.len() as u64]);
        let at_root = [("netns", "root"), ("interface", "talk0")];
        assert_eq!(scrape().sum("netmon_dns_latency_seconds_count", &at_root), 1.0);
    });
}

#[test]
fn without_the_option_udp_is_not_followed_and_the_command_says_so() {
    sandbox(|| {
        let _agent = agent(&[]);
        let [here, there] = sockets("10.39.0.1:7001", "10.39.0.2:7002");
        send(&here, &there, 3, b"unheard");
        let listed = flows(&[]);
        assert_eq!((&listed["matching"], &listed["udp_table"]["capacity"]), (&0.into(), &0.into()));
        assert!(succeeds(&["flows", "--protocol", "udp"]).contains("--udp-flows"));
    });
}

#[test]
fn udp_is_followed_where_tcp_is_not() {
    sandbox(|| {
        let _agent = agent(&["--udp-flows", "1024", "--flow-entries", "0"]);
        let [here, there] = sockets("10.39.0.1:7001", "10.39.0.2:7002");
        send(&here, &there, 3, b"heard");
        assert_eq!(counts(&seen(&flows(&[]), "red", "10.39.0.2:7002"), "ingress")[0], 3);
    });
}
