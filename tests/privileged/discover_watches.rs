//! `netmon run --discover`: the links that are on the host are counted exactly, under the names of their users, and followed.

use std::time::Duration;

use netmon_tests::{
    agent::scrape,
    eventually::eventually,
    found::{self, add, icmp},
    host_agent::HostAgent,
    island::Island,
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(40);

fn ping(island: &Island, net: u8, count: u32) {
    found::ping(island, &format!("10.{net}.0.2"), count);
}

fn is_gone(link: &str) -> bool {
    scrape().count("netmon_packets_total", &[("link", link)]) == 0
}

#[test]
fn links_that_are_there_at_the_start_are_counted_exactly_under_their_names() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        add(&island, "box", "veth1a2b3c4", 82);
        let agent = HostAgent::start(&island, "");
        assert_eq!(agent.links(), ["blue:eth0", "box:eth0"]);
        ping(&island, 81, 20);
        ping(&island, 82, 7);
        assert_eq!(icmp("blue:eth0", "root", "to-blue"), [20.0, 20.0]);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [20.0, 20.0]);
        // The host's end has a random name, so it is called after the far end.
        assert_eq!(icmp("box:eth0", "root", "box:eth0"), [7.0, 7.0]);
        assert_eq!(icmp("box:eth0", "box", "eth0"), [7.0, 7.0]);
        let metrics = scrape();
        let there = [("link", "blue:eth0"), ("from", "root"), ("to", "blue")];
        assert!(metrics.sum("netmon_link_latency_seconds_count", &there) >= 20.0);
        assert_eq!(
            metrics.sum("netmon_icmp_rtt_seconds_count", &[("netns", "root"), ("interface", "to-blue")]),
            20.0
        );
        let up = [("link", "box:eth0"), ("netns", "root"), ("interface", "box:eth0")];
        assert_eq!(metrics.sum("netmon_endpoint_up", &up), 1.0);
        let attached = metrics.sum("netmon_program_attached", &[("mode", "tracing")]);
        assert_eq!(attached, 8.0, "two directions of four ends");
        let (code, status) = island.netmon(&["status"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.starts_with("discover (host), 8 of 8 hooks watched"), "{status}");
        let row = status.lines().find(|line| line.starts_with("root:to-blue")).expect("a row");
        assert!(row.split_whitespace().any(|word| word == "blue:eth0"), "{row}");
    });
}

#[test]
fn a_host_without_links_is_ready_and_a_pair_that_is_made_appears() {
    sandbox(|| {
        let island = Island::open();
        let agent = HostAgent::start(&island, "");
        assert_eq!(agent.links(), Vec::<String>::new());
        let (_, status) = island.netmon(&["status", "discover"]);
        assert!(status.contains("No links are watched."), "{status}");
        add(&island, "blue", "to-blue", 81);
        agent.until_links(&["blue:eth0"]);
        ping(&island, 81, 9);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [9.0, 9.0]);
        assert_eq!(agent.fetch("/readyz").0, "200");
    });
}

#[test]
fn a_namespace_that_is_deleted_is_freed_and_its_series_go() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        add(&island, "stays", "to-stays", 82);
        let agent = HostAgent::start(&island, "");
        ping(&island, 81, 5);
        let cookie = island.cookie("/run/netns/blue");
        island.sh("ip netns delete blue");
        // The end in root goes with the namespace: the kernel itself says that nothing keeps it.
        eventually("the end of the namespace", PATIENCE, || {
            island.sh("ip -o link show to-blue 2>/dev/null || true").is_empty().then_some(())
        });
        let survey = island.survey(&[]);
        assert!(survey.namespaces.iter().all(|netns| netns.cookie != Some(cookie)));
        eventually("a link that is down", PATIENCE, || {
            let up = scrape().sum("netmon_endpoint_up", &[("link", "blue:eth0")]);
            (up == 0.0).then_some(())
        });
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [5.0, 5.0], "the last counts can still be read");
        agent.until_links(&["stays:eth0"]);
        assert!(is_gone("blue:eth0"));
        ping(&island, 82, 3);
        assert_eq!(icmp("stays:eth0", "stays", "eth0"), [3.0, 3.0]);
    });
}

#[test]
fn the_same_name_again_starts_from_zero() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        let _agent = HostAgent::start(&island, "");
        ping(&island, 81, 50);
        island.sh("ip netns delete blue");
        eventually("a link that is down", PATIENCE, || {
            let up = scrape().sum("netmon_endpoint_up", &[("link", "blue:eth0")]);
            (up == 0.0).then_some(())
        });
        add(&island, "blue", "to-blue", 81);
        eventually("the link again", PATIENCE, || {
            let up = scrape().sum("netmon_endpoint_up", &[("link", "blue:eth0")]);
            (up == 2.0).then_some(())
        });
        ping(&island, 81, 4);
        assert_eq!(icmp("blue:eth0", "root", "to-blue"), [4.0, 4.0]);
    });
}

#[test]
fn a_renamed_interface_keeps_its_counts_under_its_new_name() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        let agent = HostAgent::start(&island, "");
        ping(&island, 81, 6);
        island.sh("ip -n blue link set eth0 name lan0");
        agent.until_links(&["blue:lan0"]);
        assert!(is_gone("blue:eth0"));
        ping(&island, 81, 2);
        assert_eq!(icmp("blue:lan0", "blue", "lan0"), [8.0, 8.0]);
        assert_eq!(icmp("blue:lan0", "root", "to-blue"), [8.0, 8.0]);
    });
}

#[test]
fn a_signal_ends_it_and_nothing_is_left_behind() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        let look =
            "tc qdisc show; ip -n blue -d link show eth0 | sed 's/state.*//'; ip netns list-id; ip -o link";
        let before = island.sh(look);
        for signal in ["TERM", "INT"] {
            let agent = HostAgent::start(&island, "");
            assert_eq!(island.sh(look), before, "nothing is attached, and nothing numbered");
            let (code, output) = agent.end(signal);
            assert_eq!(code, 0, "{output}");
            assert!(output.contains("links of this host") && !output.contains("lab"), "{output}");
            assert_eq!(island.sh(look), before);
            assert_eq!(island.sh("ls -d /run/netmon 2>/dev/null || true"), "");
        }
    });
}

#[test]
fn a_second_agent_is_refused_and_told_of_the_first() {
    sandbox(|| {
        let island = Island::open();
        let agent = HostAgent::start(&island, "");
        let (code, said) = island.netmon(&["run", "--discover", "--listen", "127.0.0.1:9478"]);
        assert_eq!(code, 4, "{said}");
        let pid = island.sh("cat /run/sandbox/agent.netmon");
        let there = format!("already watched by process {} (http://127.0.0.1:9477/)", pid.trim());
        assert!(said.contains(&there), "{said}");
        assert_eq!(agent.fetch("/readyz").0, "200");
    });
}

#[test]
fn filters_choose_what_is_watched_and_need_discovery() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "shop-web", "to-web", 81);
        add(&island, "shop-db", "to-db", 82);
        add(&island, "other", "to-other", 83);
        let agent = HostAgent::start(&island, "--include 'shop-*' --exclude '*-db'");
        assert_eq!(agent.links(), ["shop-web:eth0"]);
        for wrong in [
            &["run", "--include", "shop-*"][..],
            &["run", "--discover", "--attach", "tcx"],
            &["run", "--discover", "--persist"],
            &["run", "--discover", "--keep"],
        ] {
            let (code, said) = island.netmon(wrong);
            assert_eq!(code, 2, "{wrong:?}: {said}");
        }
    });
}

#[test]
fn links_of_a_lab_are_left_to_its_agent_and_taken_up_when_it_ends() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        let run =
            format!("exec {} run --keep --listen 127.0.0.1:9478", netmon_tests::binary::netmon().display());
        let _lab = island.start("lab", &run);
        let ready = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9478/readyz || true";
        eventually("the lab's agent", PATIENCE, || (island.sh(ready) == "200").then_some(()));
        let agent = HostAgent::start(&island, "");
        assert_eq!(agent.links(), ["blue:eth0"]);
        assert!(
            agent.output().contains("lab direct: its links are left to its agent, process"),
            "{}",
            agent.output()
        );
        island.sh("kill $(cat /run/sandbox/lab.pid)");
        agent.until_links(&["blue:eth0", "direct_netns:veth1"]);
        island.sh("ping -q -i 0.02 -c 3 -w 20 10.200.0.3");
        assert_eq!(icmp("direct_netns:veth1", "direct_netns", "veth1"), [3.0, 3.0]);
        let (code, said) = island.netmon(&["down"]);
        assert_eq!(code, 0, "{said}");
        agent.until_links(&["blue:eth0"]);
    });
}

#[test]
fn an_end_that_moves_away_and_back_is_followed_and_counts_from_zero() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        island.sh("ip netns add red");
        let agent = HostAgent::start(&island, "");
        ping(&island, 81, 5);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [5.0, 5.0]);
        island.sh("ip -n blue link set eth0 netns red");
        agent.until_links(&["red:eth0"]);
        island.sh("ip -n red link set eth0 netns blue
             ip -n blue address add 10.81.0.2/24 dev eth0; ip -n blue link set eth0 up");
        agent.until_links(&["blue:eth0"]);
        ping(&island, 81, 3);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [3.0, 3.0]);
    });
}
