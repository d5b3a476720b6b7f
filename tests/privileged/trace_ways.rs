//! `netmon trace` follows packets through the classic labs, by IPv4 and IPv6, and through NAT.

use std::{net::TcpListener, process::Command};

use netmon_kernel::netns::NetNs;
use netmon_model::trace::{Trace, TraceTraffic, What};
use netmon_tests::{
    commands::{TakenDown, printed, succeeds},
    lab_files::shipped,
    labs::valid,
    sandbox::{run, run_in, sandbox},
    skip::skip,
    traced::{arrives, visited},
};

/// Builds a lab without an agent, and runs `test` in it.
fn in_lab(file: &str, test: impl FnOnce() + Send) {
    sandbox(|| {
        let file = shipped(file);
        let down: &'static str = file.clone().leak();
        let _down = TakenDown::of(down);
        succeeds(&["up", &file]);
        test();
    });
}

/// There, and back on the same way.
fn round_trip<'a>(there: &[&'a str]) -> Vec<&'a str> {
    there.iter().chain(there.iter().rev().skip(1)).copied().collect()
}

fn assert_way(trace: &Trace, there: &[&str]) {
    assert_eq!(visited(trace), round_trip(there), "{:#?}", trace.rungs);
    assert_eq!(trace.to.namespace.as_deref(), there.last().copied());
    let answers = trace.rungs.iter().filter(|rung| rung.what == What::Application).count();
    assert_eq!(answers, 1, "{:#?}", trace.rungs);
}

#[test]
fn a_ping_is_followed_through_a_router_by_both_families() {
    in_lab("router.toml", || {
        let way = ["client", "router", "server"];
        assert_way(&arrives(&["client", "server"]), &way);
        let trace = arrives(&["client", "10.206.2.2", "-c", "3"]);
        assert_way(&trace, &way);
        let names: Vec<&str> = trace.rungs.iter().map(|rung| rung.name.as_str()).collect();
        assert_eq!(
            names,
            ["client-side", "router", "server-side", "server", "server-side", "router", "client-side"]
        );
        assert_way(&arrives(&["client", "fd00:206:2::2", "-c", "3"]), &way);
    });
}

#[test]
fn connections_and_requests_are_followed_through_a_router() {
    in_lab("router.toml", || {
        let way = ["client", "router", "server"];
        let server = NetNs::open(&valid("server")).expect("a namespace");
        let _listener =
            server.run(|| TcpListener::bind("[fd00:206:2::2]:81")).expect("a thread").expect("a port");
        for (to, port) in [("10.206.2.2", "80"), ("fd00:206:2::2", "81")] {
            let trace = arrives(&["client", to, "--tcp", port, "-c", "3"]);
            assert_eq!(trace.traffic, TraceTraffic::Tcp);
            assert_way(&trace, &way);
        }
        let trace = arrives(&["client", "http://server/", "-c", "3"]);
        assert_eq!(visited(&trace).len(), 1 + 4 * 2, "two packets there, two back, over two links each");
        let whats: Vec<What> = trace.rungs.iter().map(|rung| rung.what).collect();
        assert_eq!(whats.iter().filter(|what| **what == What::Application).count(), 2);
        assert_eq!(whats.iter().filter(|what| **what == What::Asking).count(), 1);
    });
}

#[test]
fn a_ping_is_followed_over_a_bridge() {
    in_lab("bridge.toml", || {
        assert_way(&arrives(&["box1", "box2"]), &["box1", "root", "box2"]);
        assert_way(&arrives(&["root", "box1"]), &["root", "box1"]);
    });
}

#[test]
fn a_ping_is_followed_along_a_chain() {
    in_lab("chain.toml", || {
        let way = ["chain-1", "chain-2", "chain-3", "chain-4", "chain-5"];
        assert_way(&arrives(&["chain-1", "10.203.0.14"]), &way);
    });
}

#[test]
fn a_ping_takes_the_link_between_neighbours_of_a_mesh() {
    in_lab("mesh.toml", || {
        for to in ["mesh-2", "mesh-3", "mesh-4"] {
            assert_way(&arrives(&["mesh-1", to, "-c", "3"]), &["mesh-1", to]);
        }
    });
}

/// The router replaces the source address, and the identifier of echoes and the port of connections with it.
#[test]
fn packets_are_followed_through_nat() {
    in_lab("router.toml", || {
        if Command::new("nft").arg("--version").output().is_err() {
            return skip("nft (package nftables) is not installed");
        }
        let rules = "table ip nat { chain post { type nat hook postrouting priority 100; oifname \"to-server\" \
                     meta l4proto { tcp, icmp } masquerade; }; }";
        let loaded = Command::new("ip").args(["netns", "exec", "router", "nft", rules]).output();
        if !loaded.is_ok_and(|loaded| loaded.status.success()) {
            return skip("this kernel has no masquerade");
        }
        // The way back is known to the router only.
        run_in("server", "ip", &["route", "del", "default"]);
        let way = ["client", "router", "server"];
        assert_way(&arrives(&["client", "10.206.2.2"]), &way);
        assert_way(&arrives(&["client", "10.206.2.2", "--tcp", "80", "-c", "3"]), &way);
    });
}

#[test]
fn the_ladder_names_every_part_and_ends_with_a_sentence() {
    in_lab("router.toml", || {
        let said = printed(&["trace", "client", "server", "-c", "4", "-i", "0.01"]);
        println!("{said}");
        let heads = ["request", "in router", "server answers", "reply", "first hook to last", "links "];
        heads.iter().for_each(|head| assert!(said.contains(head), "no {head}: {said}"));
        assert!(said.contains("4 of 4 answered") && said.contains("The slowest part is"), "{said}");
        let json = printed(&["trace", "client", "server", "-c", "2", "-o", "perfetto"]);
        let file: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert!(file["traceEvents"].as_array().is_some_and(|events| events.len() > 16), "{json}");
    });
}

/// Within 100 µs, at the rate at which neither program sleeps long.
#[test]
fn the_round_trip_is_pings_own_at_a_thousand_a_second() {
    in_lab("router.toml", || {
        let fast = ["-i", "0.001", "-c", "300"];
        let differences = (0..5).map(|_| {
            let trace = arrives(&[&["client", "10.206.2.2"], &fast[..]].concat());
            let report =
                run("ip", &[&["netns", "exec", "client", "ping"], &fast[..], &["10.206.2.2"]].concat());
            let mut times: Vec<f64> = report
                .lines()
                .filter_map(|line| line.split_once("time=")?.1.split(' ').next()?.parse().ok())
                .collect();
            times.sort_by(f64::total_cmp);
            let median = times[times.len() / 2] * 1e6;
            let ours = trace.asking.expect("a measured run").times.median_ns as f64;
            println!("ping {median} ns, trace {ours} ns");
            (median - ours).abs()
        });
        let best = differences.fold(f64::INFINITY, f64::min);
        assert!(best <= 100_000.0, "{best} ns apart");
    });
}
