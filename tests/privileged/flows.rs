//! `netmon flows` lists each connection at both ends of its link, and evicts entries when there are too many.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, scrape},
    commands::{fails, succeeds},
    direct::LINK,
    sandbox::{run, sandbox},
};
use serde_json::Value;

fn flows(arguments: &[&str]) -> Value {
    let said = succeeds(&[&["flows", "-o", "json"], arguments].concat());
    serde_json::from_str(&said).unwrap()
}

/// The flow that an end of the link sees.
fn seen_at<'a>(flows: &'a Value, namespace: &str) -> &'a Value {
    let mut of_end = flows["flows"].as_array().unwrap().iter().filter(|flow| flow["namespace"] == namespace);
    let flow = of_end.next().unwrap_or_else(|| panic!("no flow at {namespace}: {flows:#}"));
    assert!(of_end.next().is_none(), "two flows at {namespace}: {flows:#}");
    flow
}

#[test]
fn a_connection_is_listed_at_both_ends_with_all_its_packets() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("curl", &["-sS", "-o", "/dev/null", "http://10.200.0.3/"]);
        let listed = flows(&[]);
        assert_eq!(listed["table"]["entries"], 2, "{listed:#}");
        let (client, server) = (seen_at(&listed, "root"), seen_at(&listed, "direct_netns"));
        assert_eq!((&client["opened_by"], &server["opened_by"]), (&"local".into(), &"remote".into()));
        assert_eq!((&client["local"], &client["remote"]), (&server["remote"], &server["local"]));
        assert_eq!(client["remote"], "10.200.0.3:80");
        assert_eq!((&client["state"], &server["state"]), (&"ended".into(), &"ended".into()));
        assert!(client["rtt_ns"].as_u64().is_some_and(|ns| ns > 0), "{client:#}");
        // It was the only connection, so the counters of the link are its own.
        let counted = scrape();
        for (flow, namespace) in [(client, "root"), (server, "direct_netns")] {
            for direction in ["ingress", "egress"] {
                let labels = [("netns", namespace), ("direction", direction), ("protocol", "tcp")];
                for (metric, field) in [("netmon_packets_total", "packets"), ("netmon_bytes_total", "bytes")]
                {
                    let listed = flow[direction][field].as_u64().unwrap() as f64;
                    assert_eq!(listed, counted.sum(metric, &labels), "{field} at {direction} of {namespace}");
                }
            }
        }
        assert_eq!(flows(&["--state", "open"])["matching"], 0);
        assert_eq!(flows(&["--state", "ended", "--limit", "1"])["matching"], 2);
        let table = succeeds(&["flows"]);
        assert!(
            table.contains("10.200.0.3:80") && table.contains("2 of 65,536 table entries used"),
            "{table}"
        );
        assert_eq!(flows(&["--namespace", "direct_netns"])["matching"], 1);
        for (what, asked, near) in
            [("--link", "root:veth0--direct_netns:veth2", LINK), ("--namespace", "rot", "root")]
        {
            let said = fails(2, &["flows", "--address", "127.0.0.1:9477", what, asked]);
            assert!(said.contains(asked) && said.contains(&format!("near it: {near}")), "{said}");
        }
    });
}

#[test]
fn the_largest_connection_comes_first() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        for bytes in [100_000, 1_000, 10_000] {
            run("curl", &["-sS", "-o", "/dev/null", &format!("http://10.200.0.3/bytes/{bytes}")]);
        }
        let sizes = |sort: &str| -> Vec<u64> {
            let listed = flows(&["--namespace", "root", "--sort", sort]);
            let each = listed["flows"].as_array().unwrap().iter();
            each.map(|flow| flow["ingress"]["bytes"].as_u64().unwrap() / 1_000).collect()
        };
        let sorted = sizes("bytes");
        assert!(sorted.len() == 3 && sorted.is_sorted_by(|a, b| a > b), "{sorted:?}");
        let recent = sizes("recent");
        assert_eq!(recent, [sorted[1], sorted[2], sorted[0]], "the last one first");
    });
}

fn opened(count: usize, to: SocketAddr) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(to).unwrap()).collect()
}

#[test]
fn connections_that_do_not_fit_make_room_and_are_counted() {
    const CONNECTIONS: usize = 40;
    sandbox(|| {
        let _agent = Agent::start(["--flow-entries", "16"]);
        let listener = TcpListener::bind("10.200.0.2:7000").unwrap();
        let server = thread::spawn(move || {
            // The clients are inside the namespace, so that each connection crosses the link.
            (0..CONNECTIONS).map(|_| listener.accept().unwrap().0).collect::<Vec<_>>()
        });
        let netns = NetNs::open(&"direct_netns".parse().unwrap()).unwrap();
        let clients = netns.run(|| opened(CONNECTIONS, "10.200.0.2:7000".parse().unwrap())).unwrap();
        let mut served = server.join().unwrap();
        let state = scrape();
        assert_eq!(state.sum("netmon_flow_entries", &[]), 16.0);
        assert_eq!(state.sum("netmon_flow_evictions_total", &[]), (2 * CONNECTIONS - 16) as f64);
        assert_eq!(flows(&[])["table"]["capacity"], 16);
        // A connection whose entry was evicted works on, and gets an entry again.
        let mut first = &clients[0];
        first.write_all(b"still there").unwrap();
        let mut bytes = [0; 11];
        served[0].read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"still there");
        let port = first.local_addr().unwrap().port().to_string();
        let again = flows(&[]);
        let listed = again["flows"].as_array().unwrap();
        assert!(listed.iter().any(|flow| flow.to_string().contains(&port)), "{again:#}");
    });
}

#[test]
fn without_flows_nothing_is_followed_and_the_command_says_so() {
    sandbox(|| {
        let _agent = Agent::start(["--flow-entries", "0"]);
        run("curl", &["-sS", "-o", "/dev/null", "http://10.200.0.3/"]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.200.0.3"]);
        let state = scrape();
        assert!(state.sum("netmon_packets_total", &[("protocol", "tcp")]) > 0.0);
        assert_eq!(state.sum("netmon_tcp_handshake_seconds_count", &[]), 0.0);
        assert_eq!(state.sum("netmon_icmp_rtt_seconds_count", &[]), 0.0);
        assert_eq!(state.sum("netmon_icmp_unanswered_total", &[]), 0.0);
        let said = succeeds(&["flows"]);
        assert!(said.contains("--flow-entries 0"), "{said}");
    });
}
