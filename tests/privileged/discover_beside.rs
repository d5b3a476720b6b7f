//! `netmon run FILE --discover`: one agent has a lab, measured by hooks, and all other links of the host, measured by tracing.

use std::{fs, time::Duration};

use netmon_tests::{
    agent::scrape,
    eventually::eventually,
    found::{PING, add, icmp, ping},
    host_agent::HostAgent,
    island::Island,
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(40);
const FILE: &str = "/run/sandbox/direct.toml";
const LAB: &str = include_str!("../../labs/direct.toml");
const LINK: &str = "root:veth0--direct_netns:veth1";

/// Adds a second link to the lab.
const SECOND: &str = r#"
[[namespace]]
name = "second_netns"
[[link]]
name = "second"
a = { namespace = "root", interface = "veth2", addresses = ["10.201.0.2/24"] }
b = { namespace = "second_netns", interface = "eth0", addresses = ["10.201.0.3/24"] }
"#;

fn write(more: &str) {
    fs::write(FILE, format!("{LAB}{more}")).unwrap();
}

fn attached(mode: &str) -> f64 {
    scrape().sum("netmon_program_attached", &[("mode", mode)])
}

#[test]
fn a_lab_and_the_links_of_the_host_are_counted_exactly_by_one_agent() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write("");
        let agent = HostAgent::start(&island, FILE);
        assert_eq!(agent.links(), [LINK, "blue:eth0"], "the lab comes first");
        assert!(agent.output().contains("1 other link of this host"), "{}", agent.output());
        ping(&island, "10.200.0.3", 11);
        ping(&island, "10.81.0.2", 7);
        assert_eq!(icmp(LINK, "root", "veth0"), [11.0, 11.0]);
        assert_eq!(icmp(LINK, "direct_netns", "veth1"), [11.0, 11.0]);
        assert_eq!(icmp("blue:eth0", "root", "to-blue"), [7.0, 7.0]);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [7.0, 7.0]);
        assert_eq!(attached("tracing"), 4.0);
        assert_eq!(attached("tcx") + attached("clsact"), 4.0);
        let labs: Vec<(String, Option<String>)> = agent.json("/api/v1/links")["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| (link["name"].to_string(), link["lab"].as_str().map(str::to_owned)))
            .collect();
        assert_eq!(labs[0].1.as_deref(), Some("direct"));
        assert_eq!(labs[1].1, None);
        let metrics = scrape();
        assert_eq!(metrics.sum("netmon_lab_info", &[("lab", "direct"), ("file", FILE)]), 1.0);
        assert_eq!(metrics.sum("netmon_lab_info", &[("lab", "discover"), ("file", "host")]), 1.0);
        let (code, status) = island.netmon(&["status"]);
        assert_eq!(code, 0, "{status}");
        assert!(status.starts_with(&format!("direct ({FILE}), 8 of 8 hooks watched")), "{status}");
        let (code, of_host) = island.netmon(&["status", "discover"]);
        assert_eq!((code, of_host.contains("blue:eth0")), (0, true), "{of_host}");
    });
}

#[test]
fn it_ends_without_a_trace_of_the_lab_and_the_links_of_the_host_stay() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write("");
        let look = "tc qdisc show; ip netns list; ip netns list-id; ip -o link | sed 's/state.*//'; ls /etc/netns || true";
        let before = island.sh(look);
        let agent = HostAgent::start(&island, FILE);
        let (code, said) = island.netmon(&["run", "--discover", "--listen", "127.0.0.1:9478"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("the links of this host are already watched by process"), "{said}");
        let (code, output) = agent.end("TERM");
        assert_eq!(code, 0, "{output}");
        assert!(output.contains("lab direct was removed"), "{output}");
        assert_eq!(island.sh(look), before);
        assert_eq!(island.sh("ls -d /run/netmon 2>/dev/null || true"), "");
        ping(&island, "10.81.0.2", 1);
    });
}

#[test]
fn a_reload_changes_the_lab_and_leaves_the_counts_of_found_links() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write("");
        let agent = HostAgent::start(&island, FILE);
        ping(&island, "10.81.0.2", 7);
        ping(&island, "10.200.0.3", 3);
        write(SECOND);
        let reload = || {
            let (code, said) = island.netmon(&["reload", FILE]);
            assert_eq!(code, 0, "{said}");
        };
        reload();
        agent.until_links(&[LINK, "second", "blue:eth0"]);
        ping(&island, "10.201.0.3", 5);
        assert_eq!(icmp("second", "second_netns", "eth0"), [5.0, 5.0]);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [7.0, 7.0]);
        assert_eq!(icmp(LINK, "root", "veth0"), [3.0, 3.0]);
        assert_eq!(attached("tracing"), 4.0, "the new link is the lab's, and measured by hooks");
        write("");
        reload();
        agent.until_links(&[LINK, "blue:eth0"]);
        ping(&island, "10.81.0.2", 2);
        assert_eq!(icmp("blue:eth0", "root", "to-blue"), [9.0, 9.0]);
        add(&island, "red", "to-red", 82);
        agent.until_links(&[LINK, "blue:eth0", "red:eth0"]);
        assert_eq!(agent.fetch("/readyz").0, "200");
    });
}

#[test]
fn a_lab_that_is_kept_stays_and_is_found_by_the_next_agent() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write("");
        let agent = HostAgent::start(&island, &format!("--keep {FILE}"));
        assert_eq!(agent.end("TERM").0, 0);
        let agent = HostAgent::start(&island, "");
        agent.until_links(&["blue:eth0", "direct_netns:veth1"]);
        assert_eq!(attached("tracing"), 8.0);
        let (code, said) = island.netmon(&["down", "direct"]);
        assert_eq!(code, 0, "{said}");
        agent.until_links(&["blue:eth0"]);
    });
}

#[test]
fn a_persistent_lab_counts_on_after_a_kill_and_found_links_start_again() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write("");
        let agent = HostAgent::start(&island, &format!("--persist {FILE}"));
        ping(&island, "10.200.0.3", 4);
        ping(&island, "10.81.0.2", 6);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [6.0, 6.0]);
        assert_ne!(agent.end("KILL").0, 0);
        ping(&island, "10.200.0.3", 5);
        let agent = HostAgent::start(&island, &format!("--persist {FILE}"));
        assert_eq!(agent.links(), [LINK, "blue:eth0"]);
        ping(&island, "10.81.0.2", 2);
        assert_eq!(icmp(LINK, "root", "veth0"), [9.0, 9.0]);
        assert_eq!(icmp("blue:eth0", "blue", "eth0"), [2.0, 2.0], "the counts of a killed agent are gone");
        drop(agent);
        let (code, said) = island.netmon(&["down", "direct"]);
        assert_eq!(code, 0, "{said}");
    });
}

#[test]
fn a_found_link_with_the_name_of_a_labs_link_has_another() {
    sandbox(|| {
        let island = Island::open();
        add(&island, "blue", "to-blue", 81);
        write(&SECOND.replace("\"second\"", "\"blue:eth0\""));
        let agent = HostAgent::start(&island, FILE);
        assert_eq!(agent.links(), [LINK, "blue:eth0", "found.blue:eth0"]);
        ping(&island, "10.81.0.2", 3);
        ping(&island, "10.201.0.3", 4);
        assert_eq!(icmp("found.blue:eth0", "blue", "eth0"), [3.0, 3.0]);
        assert_eq!(icmp("blue:eth0", "second_netns", "eth0"), [4.0, 4.0]);
    });
}

#[test]
fn an_invalid_lab_file_and_a_lab_that_another_agent_has_change_nothing() {
    sandbox(|| {
        let island = Island::open();
        write("[[link]]\n");
        let (code, said) = island.netmon(&["run", "--discover", FILE]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("[[link]] lacks `a`"), "{said}");
        assert_eq!(island.sh("ls -d /run/netmon 2>/dev/null || true"), "");
        write("");
        let run = format!("exec {} run {FILE}", netmon_tests::binary::netmon().display());
        let _lab = island.start("lab", &run);
        let ready = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9477/readyz || true";
        eventually("the lab's agent", PATIENCE, || (island.sh(ready) == "200").then_some(()));
        let (code, said) = island.netmon(&["run", "--discover", FILE, "--listen", "127.0.0.1:9478"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("lab direct is held by process"), "{said}");
        island.sh(&format!("{PING} -c 1 10.200.0.3"));
    });
}
