//! The example labs in `labs/`: ping, curl and nginx work as their pages say, and netmon's counts at each end of a
//! link are the kernel's.

use std::{fs, time::Duration};

use netmon_model::lab::{End, Lab};
use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    counts::{DIRECTIONS, kernel},
    eventually::eventually,
    host::left_behind,
    lab_files::shipped,
    nginx,
    ping::ping,
    sandbox::{run, run_in, sandbox},
    skip::skip,
};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(10);

/// A ping to try: from where, to which address, over how many links.
struct Visit<'a> {
    from: &'a str,
    to: &'a str,
    links: usize,
}

fn counted(metrics: &Metrics, end: &End, more: &[(&str, &str)]) -> f64 {
    let place = [("netns", end.namespace.as_str()), ("interface", end.interface.as_str())];
    metrics.sum("netmon_packets_total", &[&place[..], more].concat())
}

/// netmon counted what the kernel counted at each end: it was attached before the first packet.
fn assert_counts_are_the_kernels(lab: &Lab) {
    let ends: Vec<&End> = lab.links.iter().flat_map(|link| [&link.a, &link.b]).collect();
    // Neighbour discovery may send packets between the two readings.
    eventually("the kernel's counts", PATIENCE, || {
        let by_kernel = |end: &&End| {
            let (counts, _) = kernel(end.namespace.as_str(), end.interface.as_str());
            counts.map(|count| count.packets)
        };
        let before: Vec<[f64; 2]> = ends.iter().map(by_kernel).collect();
        let metrics = scrape();
        let both =
            |end: &&End| DIRECTIONS.map(|direction| counted(&metrics, end, &[("direction", direction)]));
        let ours: Vec<[f64; 2]> = ends.iter().map(both).collect();
        assert!(ours.iter().map(|[_, sent]| sent).sum::<f64>() >= 20.0, "{ours:?}");
        (before == ours).then_some(())
    });
}

/// Echo messages sent, summed over all ends: two for each link that a ping crosses, one in each direction.
fn echoes(lab: &Lab, protocol: &str) -> f64 {
    let metrics = scrape();
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    ends.map(|end| counted(&metrics, end, &[("direction", "egress"), ("protocol", protocol)])).sum()
}

fn works(file: &str, visits: &[Visit<'_>]) {
    if let Some(why) = nginx::missing() {
        return skip(why);
    }
    sandbox(|| {
        let before = left_behind();
        let path = shipped(file);
        let lab = netmon_labfile::load(path.as_ref()).unwrap();
        // The same lab with nginx beside the built-in server, on another port.
        let server = lab.services[0].namespace.to_string();
        let with_nginx = format!(
            "{}\n[[service]]\nnamespace = \"{server}\"\ncommand = {}\n",
            fs::read_to_string(&path).unwrap(),
            nginx::COMMAND
        );
        nginx::write_configuration();
        let file = format!("/run/sandbox/{file}");
        fs::write(&file, with_nginx).unwrap();
        let agent = Agent::start([&file]);
        for Visit { from, to, links } in visits {
            let before = echoes(&lab, "icmp");
            run_in(from, "ping", &["-q", "-c", "10", "-i", "0.01", "-W", "2", to]);
            let crossed = eventually("the echoes", PATIENCE, || {
                let crossed = echoes(&lab, "icmp") - before;
                (crossed >= 20.0).then_some(crossed)
            });
            assert_eq!(crossed, 20.0 * *links as f64, "{from} to {to}");
        }
        let Visit { from, to, .. } = visits[0];
        for port in ["80", "8080"] {
            let url = format!("http://{to}:{port}/");
            eventually("an answer", PATIENCE, || {
                let page = run_in(from, "sh", &["-c", &format!("curl -sSf -m 2 {url} || true")]);
                (!page.is_empty() && (page == "nginx") == (port == "8080")).then_some(())
            });
        }
        assert_counts_are_the_kernels(&lab);
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn the_lab_direct_works_and_every_packet_is_counted() {
    works("direct.toml", &[Visit { from: "root", to: "10.200.0.3", links: 1 }]);
}

#[test]
fn the_lab_bridge_works_and_every_packet_is_counted() {
    works(
        "bridge.toml",
        &[
            Visit { from: "root", to: "10.201.0.3", links: 1 },
            Visit { from: "box1", to: "10.201.0.3", links: 2 },
            Visit { from: "box2", to: "10.201.0.1", links: 1 },
        ],
    );
}

#[test]
fn the_lab_router_works_and_every_packet_is_counted() {
    works("router.toml", &[Visit { from: "client", to: "10.206.2.2", links: 2 }]);
}

#[test]
fn the_lab_chain_works_and_every_packet_is_counted() {
    works(
        "chain.toml",
        &[
            Visit { from: "chain-1", to: "10.203.0.14", links: 4 },
            Visit { from: "chain-5", to: "10.203.0.1", links: 4 },
            Visit { from: "chain-3", to: "10.203.0.14", links: 2 },
        ],
    );
}

#[test]
fn the_lab_mesh_works_and_every_packet_is_counted() {
    works(
        "mesh.toml",
        &[
            Visit { from: "mesh-1", to: "10.205.0.10", links: 1 },
            Visit { from: "mesh-2", to: "10.205.0.18", links: 1 },
        ],
    );
}

#[test]
fn the_lab_star_works_and_every_packet_is_counted() {
    works(
        "star.toml",
        &[
            Visit { from: "root", to: "10.202.0.30", links: 1 },
            Visit { from: "star-1", to: "10.202.0.1", links: 1 },
        ],
    );
}

#[test]
fn the_routers_second_network_speaks_ipv6_from_the_first_packet_on() {
    sandbox(|| {
        let _agent = Agent::start([shipped("router.toml")]);
        // No wait for duplicate address detection: the first echo request is answered.
        ping("client", "fd00:206:2::2");
        run_in("client", "curl", &["-sSf", "-m", "2", "-o", "/dev/null", "http://10.206.2.2/"]);
    });
}

#[test]
fn an_end_that_is_taken_off_its_bridge_is_still_counted() {
    sandbox(|| {
        let path = shipped("bridge.toml");
        let lab = netmon_labfile::load(path.as_ref()).unwrap();
        let port = &lab.links[0].a;
        let agent = Agent::start([&path]);
        run("ip", &["link", "set", port.interface.as_str(), "nomaster"]);
        run("ip", &["address", "add", "10.201.9.1/24", "dev", port.interface.as_str()]);
        run("ip", &["-n", "box1", "address", "add", "10.201.9.2/24", "dev", "eth0"]);
        let before = counted(&scrape(), port, &[("direction", "egress"), ("protocol", "icmp")]);
        run("ping", &["-q", "-c", "10", "-i", "0.01", "10.201.9.2"]);
        // The agent handles events in order: it has processed the change of the port before this one.
        run("ip", &["link", "set", "box2-port", "down"]);
        let metrics = eventually("the other port down", PATIENCE, || {
            let metrics = scrape();
            (metrics.sum("netmon_endpoint_up", &[("interface", "box2-port")]) == 0.0).then_some(metrics)
        });
        assert_eq!(counted(&metrics, port, &[("direction", "egress"), ("protocol", "icmp")]) - before, 10.0);
        assert_eq!(metrics.sum("netmon_endpoint_up", &[("interface", port.interface.as_str())]), 1.0);
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
    });
}

#[test]
fn a_bridge_comes_and_goes_with_its_file_and_a_foreign_bridge_stays() {
    sandbox(|| {
        let before = left_behind();
        run("ip", &["link", "add", "theirs", "address", "02:00:00:00:00:01", "type", "bridge"]);
        let with_theirs = left_behind();
        let text = fs::read_to_string(shipped("bridge.toml")).unwrap();
        let file = "/run/sandbox/bridge.toml";
        fs::write(file, &text).unwrap();
        succeeds(&["up", file]);
        assert_eq!(succeeds(&["plan", file]), "lab bridge: nothing to do\n");
        ping("box1", "10.201.0.3");
        // Without the bridge, and with its address on the first port: only what differs is done.
        let bridge =
            "[[bridge]]\nname = \"lab-br0\"\nnamespace = \"root\"\naddresses = [\"10.201.0.1/24\"]\n";
        let without = text
            .replace(bridge, "")
            .replacen(", bridge = \"lab-br0\"", ", addresses = [\"10.201.0.1/24\"]", 1)
            .replace(", bridge = \"lab-br0\"", "")
            .replacen("routes", "#", 2)
            .replace("#", "# ");
        fs::write(file, without).unwrap();
        let planned = succeeds(&["plan", file]);
        assert!(planned.contains("- bridge root:lab-br0") && !planned.contains("+ link"), "{planned}");
        succeeds(&["up", file]);
        ping("root", "10.201.0.2");
        // With the bridge again; then another program takes one of its ports, which must not stop `up`.
        fs::write(file, &text).unwrap();
        succeeds(&["up", file]);
        ping("box2", "10.201.0.2");
        run("ip", &["link", "set", "box1-port", "master", "theirs"]);
        succeeds(&["up", file]);
        ping("box2", "10.201.0.2");
        succeeds(&["down", file]);
        assert_eq!(left_behind(), with_theirs);
        run("ip", &["link", "delete", "theirs"]);
        assert_eq!(left_behind(), before);
    });
}
