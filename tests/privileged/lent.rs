//! Labs that use what they do not own: a bridge like docker0, and the namespace of a running container.

use std::{fs, time::Duration};

use netmon_tests::{
    agent::scrape,
    contained::{Contained, id},
    eventually::eventually,
    fake_daemon::FakeDaemon,
    found::{add, ping},
    host_agent::HostAgent,
    island::Island,
    runtimes::{Docker, RuntimeHost},
    sandbox::sandbox,
};

const PATIENCE: Duration = Duration::from_secs(40);
const LAB: &str = "/run/sandbox/lab.toml";
const DOCKER: &str = "/run/docker.sock";
const DOCKER_29: &str = r#"{"Version": "29.0.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}"#;

/// A link from root into the container.
const INTO_CONTAINER: &str = r#"
[[namespace]]
name = "web"
container = "shop-web-1"
[[link]]
a = { namespace = "root", interface = "to-web", addresses = ["10.99.0.1/24"] }
b = { namespace = "web", interface = "lab0", addresses = ["10.99.0.2/24"] }
"#;

/// A namespace whose link is a port of docker0.
const ON_BRIDGE: &str = r#"
[[namespace]]
name = "tool"
[[bridge]]
name = "docker0"
namespace = "root"
owned = false
[[link]]
a = { namespace = "root", interface = "to-tool", bridge = "docker0" }
b = { namespace = "tool", interface = "eth0", addresses = ["172.17.200.1/16"] }
"#;

fn write(lab: &str) {
    fs::write(LAB, lab).expect("a file");
}

/// A daemon that calls the container `a` by its name.
fn daemon() -> FakeDaemon {
    let entry = format!(r#"[{{"Id": "{}", "Names": ["/shop-web-1"], "Image": "busybox"}}]"#, id('a'));
    FakeDaemon::start(DOCKER, DOCKER_29, (1, 44), &entry)
}

/// A container of its own pair, without a name in /run/netns.
fn container(island: &Island, name: &'static str, digit: char) -> Contained {
    island.sh(&format!("ip netns add {name}; ip link add veth-{name} type veth peer name eth0 netns {name}"));
    Contained::start(island, name, name, &format!("docker/{}", id(digit)), true)
}

/// Runs a script in the namespace of a container.
fn inside(island: &Island, name: &str, script: &str) -> String {
    island.sh(&format!("nsenter -t $(cat /run/sandbox/{name}.pid) -n sh -euc '{script}'"))
}

/// What of a container and of root a lab must leave as it is.
fn contents(island: &Island, name: &str) -> String {
    let look = "ip -o link; ip -o -4 address; ip route; ip -o -d link show lo; tc qdisc; cat /proc/sys/net/ipv4/ip_forward";
    let settled = "sed \"s/state [A-Z]*//; s/,LOWER_UP//; s/NO-CARRIER,//\"";
    inside(island, name, &format!("({look}) | {settled}"))
}

fn succeeds(island: &Island, arguments: &[&str]) -> String {
    let (code, said) = island.netmon(arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

/// The ports of docker0.
fn ports(island: &Island) -> Vec<String> {
    let listed = island.sh("ip -o link show master docker0");
    listed.lines().filter_map(|line| Some(line.split([':', '@']).nth(1)?.trim().to_owned())).collect()
}

fn icmp(netns: &str, interface: &str) -> [f64; 2] {
    let metrics = scrape();
    ["ingress", "egress"].map(|direction| {
        let labels =
            [("netns", netns), ("interface", interface), ("direction", direction), ("protocol", "icmp")];
        metrics.sum("netmon_packets_total", &labels)
    })
}

#[test]
fn a_link_is_added_to_a_container_and_taken_away_again_and_nothing_else_changes() {
    sandbox(|| {
        let island = Island::open();
        let (_docker, _web) = (daemon(), container(&island, "box", 'a'));
        let before = contents(&island, "box");
        write(INTO_CONTAINER);
        let plan = succeeds(&island, &["plan", LAB]);
        assert!(plan.contains("+ link root:to-web--web:lab0: root:to-web <-> web:lab0"), "{plan}");
        assert!(!plan.contains("namespace web"), "{plan}");
        succeeds(&island, &["up", LAB]);
        assert!(succeeds(&island, &["plan", LAB]).contains("nothing to do"));
        assert_eq!(island.sh("ls /run/netns").trim(), "", "no name is placed");
        island.sh("ping -q -i 0.02 -c 3 -w 20 10.99.0.2");
        // Named by its id as well, and changed in place.
        write(&INTO_CONTAINER.replace("shop-web-1", &id('a')[..12]).replace("10.99.0.2", "10.99.0.3"));
        let plan = succeeds(&island, &["plan", LAB]);
        assert!(plan.contains("+ address 10.99.0.3/24 on web:lab0") && !plan.contains("+ link"), "{plan}");
        succeeds(&island, &["up", LAB]);
        island.sh("ping -q -i 0.02 -c 3 -w 20 10.99.0.3");
        succeeds(&island, &["down", LAB]);
        assert_eq!(contents(&island, "box"), before);
        assert_eq!(island.sh("ip -o link show to-web 2>/dev/null || true"), "");
    });
}

#[test]
fn an_agent_counts_a_link_into_a_container_exactly_and_holds_nothing_inside() {
    sandbox(|| {
        let island = Island::open();
        let (_docker, web) = (daemon(), container(&island, "box", 'a'));
        write(INTO_CONTAINER);
        let agent = HostAgent::run(&island, LAB);
        assert_eq!(agent.links(), ["root:to-web--web:lab0"]);
        island.sh("ping -q -i 0.02 -c 20 -w 20 10.99.0.2");
        assert_eq!(icmp("root", "to-web"), [20.0, 20.0]);
        assert_eq!(icmp("web", "lab0"), [20.0, 20.0]);
        let there = [("link", "root:to-web--web:lab0"), ("from", "root"), ("to", "web")];
        assert!(scrape().sum("netmon_link_latency_seconds_count", &there) >= 20.0);
        for (command, code) in [
            (&["impair", "root:to-web--web:lab0", "--loss", "1%"][..], 2),
            (&["overhead", "root:to-web--web:lab0"], 1),
        ] {
            let (was, said) = island.netmon(command);
            assert_eq!(was, code, "{command:?}: {said}");
            assert!(said.contains("leads into a container"), "{said}");
        }
        let own = island.sh("readlink /proc/self/ns/net");
        let held = agent.namespaces();
        assert_eq!(held.iter().map(String::as_str).collect::<Vec<_>>(), [own.trim()]);
        let hooks = "tc qdisc show dev lab0; tc filter show dev lab0 ingress; tc filter show dev lab0 egress";
        let hooks = inside(&island, "box", hooks);
        assert!(!hooks.contains("bpf") && !hooks.contains("clsact"), "{hooks}");
        // The container ends. Its network goes at once, and the agent says so.
        drop(web);
        eventually("the end of the network", Duration::from_secs(2), || {
            island.sh("ip -o link show to-web 2>/dev/null || true").is_empty().then_some(())
        });
        eventually("a link that is down", PATIENCE, || {
            let up = scrape().sum("netmon_endpoint_up", &[("link", "root:to-web--web:lab0")]);
            (up == 0.0).then_some(())
        });
        assert!(agent.output().contains("the container has ended"), "{}", agent.output());
        let (code, said) = island.netmon(&["reload", LAB]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("no running container is called shop-web-1"), "{said}");
        let _web = container(&island, "again", 'a');
        succeeds(&island, &["reload", LAB]);
        island.sh("ping -q -i 0.02 -c 4 -w 20 10.99.0.2");
        assert_eq!(icmp("web", "lab0"), [4.0, 4.0], "another interface starts from zero");
        let (code, output) = agent.end("TERM");
        assert_eq!(code, 0, "{output}");
        assert_eq!(inside(&island, "again", "ip -o link show lab0 2>/dev/null || true"), "");
    });
}

#[test]
fn a_link_into_a_container_stays_the_labs_beside_links_that_are_found() {
    sandbox(|| {
        let island = Island::open();
        let (_docker, web) = (daemon(), container(&island, "box", 'a'));
        add(&island, "blue", "to-blue", 81);
        write(INTO_CONTAINER);
        let agent = HostAgent::start(&island, LAB);
        let lent = "root:to-web--web:lab0";
        agent.until_links(&[lent, "blue:eth0", "shop-web-1:eth0"]);
        ping(&island, "10.99.0.2", 5);
        ping(&island, "10.81.0.2", 7);
        // What is found later leaves the lab's link as it is.
        add(&island, "red", "to-red", 82);
        agent.until_links(&[lent, "blue:eth0", "red:eth0", "shop-web-1:eth0"]);
        succeeds(&island, &["reload", LAB]);
        assert_eq!(icmp("web", "lab0"), [5.0, 5.0]);
        assert_eq!(icmp("blue", "eth0"), [7.0, 7.0]);
        assert_eq!(agent.json("/api/v1/links")["links"][0]["lab"], "lab");
        let up = || scrape().sum("netmon_endpoint_up", &[("link", lent)]);
        assert_eq!(up(), 2.0);
        assert_eq!(agent.fetch("/readyz").0, "200");
        drop(web);
        eventually("a link that is down", PATIENCE, || (up() == 0.0).then_some(()));
        agent.until_links(&[lent, "blue:eth0", "red:eth0"]);
        assert_eq!(up(), 0.0);
        let said = agent.output();
        assert_eq!(said.matches("the container has ended").count(), 1, "{said}");
        let (code, output) = agent.end("TERM");
        assert_eq!(code, 0, "{output}");
    });
}

#[test]
fn what_a_lab_cannot_do_with_containers_is_refused_before_anything_is_changed() {
    sandbox(|| {
        let island = Island::open();
        let (_docker, _web) = (daemon(), container(&island, "box", 'a'));
        let before = contents(&island, "box");
        let refused = |lab: &str, arguments: &[&str], code: i32, said: &str| {
            write(lab);
            let (was, output) = island.netmon(arguments);
            assert_eq!(was, code, "{arguments:?}: {output}");
            assert!(output.contains(said), "{output}");
        };
        for command in ["run", "up"] {
            refused(INTO_CONTAINER, &[command, "--persist", LAB], 2, "leave out --persist");
        }
        refused(INTO_CONTAINER, &["run", "--discover=count", LAB], 2, "use --discover=tracing");
        let other = INTO_CONTAINER.replace("shop-web-1", "nginx");
        refused(&other, &["up", LAB], 4, "no running container is called nginx");
        let taken = INTO_CONTAINER.replace("lab0", "eth0");
        refused(&taken, &["up", LAB], 4, "interface eth0 in namespace web already exists");
        let served = format!("{INTO_CONTAINER}[[service]]\nnamespace = \"web\"\nhttp = \"10.99.0.2:80\"\n");
        refused(&served, &["up", LAB], 2, "a service cannot run in the container");
        let twice = format!("{INTO_CONTAINER}[[namespace]]\nname = \"same\"\ncontainer = \"{}\"\n", id('a'));
        refused(&twice, &["up", LAB], 4, "has the network of another namespace of lab lab");
        refused(ON_BRIDGE, &["up", LAB], 4, "bridge docker0 does not exist, and lab lab does not own it");
        assert_eq!(contents(&island, "box"), before);
        assert_eq!(island.sh("ls -d /run/netmon/lab 2>/dev/null || true"), "");
    });
}

#[test]
fn a_link_is_a_port_of_a_bridge_that_the_lab_does_not_own_until_it_is_taken_away() {
    sandbox(|| {
        let island = Island::open();
        island.sh("ip link add docker0 address 02:42:0a:00:00:01 type bridge; ip address add 172.17.0.1/16 dev docker0; ip link set docker0 up");
        let look = "ip -o link show docker0 | sed 's/state [A-Z]*//; s/,LOWER_UP//; s/NO-CARRIER,//'
             ip -o -4 address show docker0";
        let before = island.sh(look);
        write(ON_BRIDGE);
        let agent = HostAgent::run(&island, LAB);
        island.sh("ping -q -i 0.02 -c 9 -w 20 172.17.200.1");
        assert_eq!(icmp("tool", "eth0"), [9.0, 9.0]);
        assert_eq!(ports(&island), ["to-tool"]);
        // A file that does not want it any more takes it off the bridge.
        write(&ON_BRIDGE.replace(", bridge = \"docker0\"", ""));
        succeeds(&island, &["reload", LAB]);
        assert_eq!(ports(&island), Vec::<String>::new());
        write(ON_BRIDGE);
        succeeds(&island, &["reload", LAB]);
        island.sh("ping -q -i 0.02 -c 2 -w 20 172.17.200.1");
        let (code, output) = agent.end("TERM");
        assert_eq!(code, 0, "{output}");
        assert_eq!(island.sh(look), before);
    });
}

#[test]
fn a_lab_joins_docker0_and_a_container_of_a_real_docker() {
    sandbox(|| {
        let Some(host) = RuntimeHost::open() else { return };
        let (island, docker) = (host.island(), Docker::start(&host));
        docker.serve("shop-web-1", "");
        let address = docker.address("shop-web-1");
        write(&format!("{ON_BRIDGE}{INTO_CONTAINER}"));
        let agent = HostAgent::run(island, LAB);
        let from = "ip netns exec tool";
        island.sh(&format!("{from} ping -q -i 0.02 -c 12 -w 20 {address}"));
        assert_eq!(island.sh(&format!("{from} curl -s --max-time 10 http://{address}/")), "hello\n");
        assert_eq!(icmp("tool", "eth0"), [12.0, 12.0]);
        island.sh("ping -q -i 0.02 -c 7 -w 20 10.99.0.2");
        assert_eq!(island.sh("curl -s --max-time 10 http://10.99.0.2/"), "hello\n");
        assert_eq!(icmp("web", "lab0"), [7.0, 7.0]);
        docker.run("rm -f shop-web-1");
        eventually("the end of the network", Duration::from_secs(2), || {
            island.sh("ip -o link show to-web 2>/dev/null || true").is_empty().then_some(())
        });
        docker.serve("shop-web-1", "");
        succeeds(island, &["reload", LAB]);
        island.sh("ping -q -i 0.02 -c 3 -w 20 10.99.0.2");
        let (code, output) = agent.end("TERM");
        assert_eq!(code, 0, "{output}");
        assert!(!ports(island).contains(&"to-tool".to_owned()));
        assert_eq!(docker.run("exec shop-web-1 ip -o link show lab0 2>/dev/null || true"), "");
    });
}
