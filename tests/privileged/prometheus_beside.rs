//! A Prometheus that the agent starts itself, and one that scrapes it from a container's network.

use std::{fs, path::Path, time::Duration};

use netmon::services::{ServiceState, recorded_status};
use netmon_tests::{
    agent::Agent,
    commands::{fails, succeeds},
    curl::answers,
    eventually::eventually,
    prometheus::{self, Prometheus},
    sandbox::{run, sandbox},
    skip::skip,
};
use rustix::process::Signal;

const LAB: &str = "/run/sandbox/beside.toml";
const DATA: &str = "/var/lib/netmon/beside";
const PATIENCE: Duration = Duration::from_secs(60);

fn write_lab(addresses: &str) {
    let text = format!(
        "[[namespace]]\nname = \"beside_netns\"\n[[link]]\nname = \"line\"\n\
         a = {{ namespace = \"root\", interface = \"by0\", addresses = [\"10.64.0.1/24\"{addresses}] }}\n\
         b = {{ namespace = \"beside_netns\", interface = \"by1\", addresses = [\"10.64.0.2/24\"] }}\n"
    );
    fs::write(LAB, text).unwrap();
}

/// The process of the service `prometheus`.
fn process() -> Option<u32> {
    let services = recorded_status(Path::new("/run/netmon/beside")).unwrap();
    match services.into_iter().find(|service| service.name == "prometheus")?.state {
        ServiceState::Running { pid, .. } => pid,
        _ => None,
    }
}

#[test]
fn a_prometheus_beside_the_agent_scrapes_it_outlives_a_reload_and_ends_with_the_lab() {
    sandbox(|| {
        if let Some(why) = prometheus::missing() {
            return skip(why);
        }
        write_lab("");
        let agent = Agent::start(["--prometheus=127.0.0.1:9099", LAB]);
        let page = "http://127.0.0.1:9099/api/v1/query?query=up";
        let scraped = || netmon_tests::curl::page(page).filter(|text| text.contains("\"1\"]"));
        let up = eventually("a scrape", PATIENCE, scraped);
        assert!(up.contains("127.0.0.1:9477"), "{up}");
        let rules = netmon_tests::curl::page("http://127.0.0.1:9099/api/v1/rules").unwrap();
        assert!(rules.contains("NetmonAgentDown"), "{rules}");

        let before = process().expect("it runs");
        write_lab(", \"10.65.0.1/24\"");
        succeeds(&["reload", LAB]);
        assert!(run("ip", &["address", "show", "by0"]).contains("10.65.0.1"));
        assert_eq!(process(), Some(before), "services of the file did not change, so none was restarted");

        assert!(Path::new(DATA).exists());
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success());
        assert!(!answers("http://127.0.0.1:9099/-/ready"));
        assert!(!Path::new(DATA).exists(), "its data are removed with the lab");
    });
}

#[test]
fn a_prometheus_whose_address_is_in_use_is_refused_before_the_lab_is_built() {
    sandbox(|| {
        if let Some(why) = prometheus::missing() {
            return skip(why);
        }
        write_lab("");
        let said = fails(2, &["run", "--prometheus=nowhere", LAB]);
        assert!(said.contains("--prometheus"), "{said}");
        let _other = std::net::TcpListener::bind("127.0.0.1:9098").unwrap();
        let said = fails(1, &["run", "--prometheus=127.0.0.1:9098", LAB]);
        assert!(
            said.contains("cannot start Prometheus at 127.0.0.1:9098") && said.contains("in use"),
            "{said}"
        );
        assert!(!Path::new(DATA).exists(), "{said}");
        assert!(!run("ip", &["link"]).contains("by0"));
    });
}

/// A namespace as a container on a bridge has it, with the name that Docker gives the host.
fn container() {
    run("ip", &["netns", "add", "container"]);
    run("ip", &["link", "add", "docker0", "type", "veth", "peer", "name", "eth0", "netns", "container"]);
    run("ip", &["address", "add", "172.17.0.1/16", "dev", "docker0"]);
    run("ip", &["link", "set", "docker0", "up"]);
    run("ip", &["-n", "container", "address", "add", "172.17.0.2/16", "dev", "eth0"]);
    run("ip", &["-n", "container", "link", "set", "eth0", "up"]);
    run("ip", &["-n", "container", "link", "set", "lo", "up"]);
    fs::create_dir_all("/etc/netns/container").unwrap();
    fs::write("/etc/netns/container/hosts", "127.0.0.1 localhost\n172.17.0.1 host.docker.internal\n")
        .unwrap();
}

#[test]
fn a_prometheus_in_a_container_scrapes_under_a_name_only_if_it_is_allowed() {
    const CONFIGURATION: &str = "/run/sandbox/container.yml";
    sandbox(|| {
        if let Some(why) = prometheus::missing() {
            return skip(why);
        }
        container();
        write_lab("");
        let text = "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n  - job_name: netmon\n    \
                    static_configs:\n      - targets: [\"host.docker.internal:9477\"]\n";
        fs::write(CONFIGURATION, text).unwrap();
        let prometheus = Prometheus::start("container", CONFIGURATION);
        let listen = ["--listen", "172.17.0.1:9477"];
        let agent = Agent::start_at("172.17.0.1:9477", [&listen[..], &[LAB]].concat());
        let refused = || prometheus.api("/api/v1/targets").to_string().contains("HTTP status 421");
        eventually("a refusal", PATIENCE, || refused().then_some(()));
        assert_eq!(prometheus.value("up"), Some(0.0));
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success());

        let allowed = ["--allow-host", "host.docker.internal", LAB];
        let _agent = Agent::start_at("172.17.0.1:9477", [&listen[..], &allowed].concat());
        eventually("a scrape", PATIENCE, || prometheus.value("up").filter(|&up| up > 0.0));
        eventually("a series", PATIENCE, || prometheus.value("netmon_build_info"));
    });
}
