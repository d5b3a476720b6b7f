//! What `netmon run --discover` watches and what not: the mode, kinds of interfaces, the configuration file, and what is said of the
//! rest.

use std::fs;

use netmon_tests::{
    agent::scrape,
    found::{add, icmp, ping},
    host_agent::HostAgent,
    island::Island,
    sandbox::sandbox,
};

const CONFIG: &str = "/run/sandbox/netmon.toml";

#[test]
fn counting_alone_counts_exactly_and_measures_nothing_else() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        let agent = HostAgent::run(&island, "--discover=count");
        assert_eq!(agent.links(), ["blue:eth0"]);
        ping(&island, "10.81.0.2", 9);
        assert_eq!(icmp("blue:eth0", "root", "to-blue"), [9.0, 9.0]);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [9.0, 9.0]);
        let metrics = scrape();
        assert_eq!(metrics.sum("netmon_program_attached", &[("mode", "count")]), 4.0);
        for absent in [
            "netmon_link_latency_seconds_count",
            "netmon_link_queue_seconds_count",
            "netmon_link_lost_packets_total",
            "netmon_icmp_rtt_seconds_count",
        ] {
            assert_eq!(metrics.count(absent, &[]), 0, "{absent}");
        }
        let programs =
            island.sh("ls -l /proc/$(cat /run/sandbox/agent.netmon)/fd | grep -c bpf-prog || true");
        assert!(programs.trim().parse::<u32>().unwrap() > 0, "{programs}");
    });
}

#[test]
fn the_time_in_the_queue_and_that_of_the_crossing_add_up_to_the_latency() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        // A queue that lets 38 of these packets through in a second.
        island.sh("tc qdisc add dev to-blue root tbf rate 320kbit burst 1600 limit 200000");
        let _agent = HostAgent::start(&island, "");
        island.sh("ping -q -c 100 -i 0.01 -s 1000 -w 20 10.81.0.2");
        let metrics = scrape();
        let there = [("link", "blue:eth0"), ("from", "root")];
        let sum = |part: &str| metrics.sum(&format!("netmon_link_{part}_seconds_sum"), &there);
        let count = |part: &str| metrics.sum(&format!("netmon_link_{part}_seconds_count"), &there);
        let at_blue = [("netns", "blue"), ("interface", "eth0")];
        let unjoined = metrics.sum("netmon_unjoined_packets_total", &at_blue);
        let arrived =
            metrics.sum("netmon_packets_total", &[at_blue[0], at_blue[1], ("direction", "ingress")]);
        assert!(arrived >= 100.0 && unjoined <= 5.0, "{unjoined} of {arrived}");
        assert_eq!(
            count("latency"),
            arrived - unjoined,
            "each packet has a latency or is counted as having none"
        );
        assert_eq!((count("queue"), count("crossing")), (count("latency"), count("latency")));
        let off = (sum("queue") + sum("crossing") - sum("latency")).abs();
        assert!(off < 1e-6, "{} + {} is not {}", sum("queue"), sum("crossing"), sum("latency"));
        assert!(sum("queue") > 10.0 * sum("crossing"), "{} and {}", sum("queue"), sum("crossing"));
        let (code, status) = island.netmon(&["status", "--link", "blue:eth0"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.contains("Latency = time in the queue + crossing"), "{status}");
    });
}

#[test]
fn interfaces_of_a_kind_that_is_asked_for_are_links_with_one_end() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        island.sh("ip address flush dev to-blue; ip link add br0 type bridge; ip link set to-blue master br0
             ip address add 10.81.0.1/24 dev br0; ip link set br0 up");
        let agent = HostAgent::start(&island, "--include-kind bridge,physical");
        assert_eq!(agent.links(), ["blue:eth0", "root:br0"]);
        ping(&island, "10.81.0.2", 8);
        assert_eq!(icmp("root:br0", "root", "br0"), [8.0, 8.0]);
        let info = [("netns", "root"), ("kind", "bridge"), ("device", "br0"), ("peer_netns", "")];
        assert_eq!(scrape().sum("netmon_endpoint_info", &info), 1.0);
        let port = [("device", "to-blue"), ("bridge", "br0"), ("peer_netns", "blue")];
        assert_eq!(scrape().sum("netmon_endpoint_info", &port), 1.0);
        assert_eq!(agent.fetch("/readyz").0, "200");
        let (code, said) = island.netmon(&["discover", "--include-kind", "veth"]);
        assert_eq!((code, said.contains("are pairs")), (2, true), "{said}");
    });
}

#[test]
fn a_configuration_file_chooses_and_arguments_overrule_it() {
    sandbox(|| {
        let island = Island::open();
        for (net, name) in [(81, "shop-web"), (82, "shop-db"), (83, "other")] {
            add(&island, name, &format!("to-{net}"), net);
        }
        fs::write(CONFIG, "[discover]\ninclude = [\"shop-*\"]\nexclude = [\"*-db\"]\nmode = \"count\"\n")
            .unwrap();
        let agent = HostAgent::start(&island, &format!("--config {CONFIG}"));
        assert_eq!(agent.links(), ["shop-web:eth0"]);
        let metrics = scrape();
        assert_eq!(metrics.sum("netmon_program_attached", &[("mode", "count")]), 4.0);
        assert_eq!(metrics.sum("netmon_discover_skipped", &[("reason", "selection")]), 4.0);
        let (code, status) = island.netmon(&["status"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.contains("4 interfaces of this host not watched"), "{status}");
        for all in [&["status", "--all"][..], &["status", "discover", "--all"]] {
            let (code, status) = island.netmon(all);
            assert_eq!(code, 0, "{status}");
            let row = status.lines().find(|line| line.starts_with("shop-db:eth0")).expect("a row");
            assert!(row.ends_with("left out by --include or --exclude"), "{row}");
        }
        let host = agent.json("/api/v1/host");
        assert_eq!((&host["discovers"], &host["skipped"]["selection"]), (&true.into(), &4.into()));
        assert_eq!(agent.end("TERM").0, 0);
        let agent = HostAgent::run(&island, &format!("--discover=tracing --config {CONFIG} --include other"));
        assert_eq!(agent.links(), ["other:eth0"]);
        assert_eq!(scrape().sum("netmon_program_attached", &[("mode", "tracing")]), 4.0);
    });
}

#[test]
fn an_error_in_the_configuration_file_is_shown_with_its_place() {
    sandbox(|| {
        let island = Island::open();
        fs::write(CONFIG, "[discover]\ninclude = [\"good\", \"colour=red\"]\nlimt = 7\n").unwrap();
        for command in [&["run", "--discover"][..], &["discover"]] {
            let (code, said) = island.netmon(&[command, &["--config", CONFIG]].concat());
            assert_eq!(code, 2, "{said}");
            assert!(
                said.contains(&format!("{CONFIG}:2:20: error: \"colour=red\" is not valid in `include`")),
                "{said}"
            );
            assert!(
                said.contains(&format!("{CONFIG}:3:1: error: unknown key \"limt\" in [discover]")),
                "{said}"
            );
            assert!(said.contains("did you mean `limit`?"), "{said}");
        }
    });
}
