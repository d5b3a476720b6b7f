//! What measuring costs, reported beside the measurements, and only on request.

use std::{fs, net::TcpStream, time::Duration};

use netmon_kernel::sys::{
    bpf::{load_classifier, test_run},
    bpf_info::program_runs,
    insn::{Register::R0, exit, mov64_imm},
};
use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    eventually::eventually,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const RUNS: &str = "netmon_program_runs_total";
const SECONDS: &str = "netmon_program_run_seconds_total";

fn setting() -> String {
    fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").expect("the kernel's setting")
}

fn ping() {
    run("ping", &["-q", "-c", "50", "-i", "0.002", "10.200.0.3"]);
}

fn total(metrics: &Metrics, name: &str, program: &str) -> f64 {
    metrics.sum(name, &[("program", program)])
}

#[test]
fn run_times_are_reported_on_request_only_and_map_memory_always() {
    sandbox(|| {
        let _agent = Agent::start([] as [&str; 0]);
        ping();
        let metrics = scrape();
        assert_eq!((metrics.count(RUNS, &[]), metrics.count(SECONDS, &[])), (0, 0));
        for map in ["COUNTERS", "ROUND_TRIPS", "EXITS_BY_REASON", "REQUESTS", "JUMP_TABLE"] {
            assert!(metrics.sum("netmon_map_memory_bytes", &[("map", map)]) > 0.0, "{map}");
        }
        // One link, in one chunk.
        let counters = |name| metrics.sum(name, &[("map", "COUNTERS")]);
        assert_eq!((counters("netmon_map_entries"), counters("netmon_map_max_entries")), (2.0, 256.0));
        assert_eq!(metrics.sum("netmon_map_max_entries", &[("map", "TCP_FLOWS")]), 65_536.0);
    });
}

#[test]
fn entries_of_a_map_are_those_that_were_made() {
    sandbox(|| {
        let _agent = Agent::start([] as [&str; 0]);
        let entries = |map| scrape().sum("netmon_map_entries", &[("map", map)]);
        assert_eq!((entries("TCP_FLOWS"), entries("DROP_PLACES")), (0.0, 2.0));
        let connect = |_| TcpStream::connect("10.200.0.3:80").expect("the built-in web server");
        let connections: Vec<TcpStream> = (0..30).map(connect).collect();
        // Both ends see each connection.
        assert_eq!(entries("TCP_FLOWS"), 60.0);
        drop(connections);
    });
}

#[test]
fn run_times_grow_with_the_packets_while_asked_for_and_the_setting_is_as_before() {
    sandbox(|| {
        let before = setting();
        let agent = Agent::start(["--program-stats"]);
        assert_eq!(setting(), before, "the kernel's setting is not touched");
        ping();
        let first = scrape();
        ping();
        let second = scrape();
        for program in ["netmon_in", "netmon_out"] {
            // At both ends: 50 requests and 50 replies.
            let runs = total(&second, RUNS, program) - total(&first, RUNS, program);
            assert!((100.0..200.0).contains(&runs), "{program}: {runs} runs");
            let per_run = (total(&second, SECONDS, program) - total(&first, SECONDS, program)) / runs * 1e9;
            assert!(per_run > 50.0 && per_run < 100_000.0, "{program}: {per_run} ns a run");
        }
        agent.end(Signal::KILL);
        assert_eq!(setting(), before);
        eventually("the end of run-time statistics", Duration::from_secs(10), || {
            let nothing = [mov64_imm(R0, 0), exit()];
            let program = load_classifier("netmon_test", &nothing).expect("a program");
            test_run(&program, &[0; 64], 10).expect("a test run");
            (program_runs(&program).expect("its run time") == (0, 0)).then_some(())
        });
        run(netmon_tests::binary::netmon().to_str().expect("a path"), &["down"]);
    });
}
