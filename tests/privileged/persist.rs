//! Counting continues without the agent: it is killed, upgraded, ended and started again under a load that counts
//! what it sends.

use std::{
    net::UdpSocket,
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    direct::await_carriers,
    eventually::{eventually, eventually_equal},
    persisted::{Flood, with_pins},
    sandbox::run,
};
use rustix::process::Signal;

const ROOT: (&str, &str) = ("root", "10.200.0.2");
const INSIDE: (&str, &str) = ("direct_netns", "10.200.0.3");
const PATIENCE: Duration = Duration::from_secs(20);

fn udp(metrics: &Metrics, namespace: &str, direction: &str) -> f64 {
    let labels = [("netns", namespace), ("direction", direction), ("protocol", "udp")];
    metrics.sum("netmon_packets_total", &labels)
}

/// UDP packets as the four hooks counted them: out of root, into the namespace, out of it, into root.
fn at_all_hooks(metrics: &Metrics) -> [f64; 4] {
    [("root", "egress"), ("direct_netns", "ingress"), ("direct_netns", "egress"), ("root", "ingress")]
        .map(|(namespace, direction)| udp(metrics, namespace, direction))
}

/// Waits until all four hooks have counted what was sent: the last packets may arrive a little later.
fn await_counts(out: u64, back: u64) {
    let expected = [out as f64, out as f64, back as f64, back as f64];
    eventually_equal("the counts at all hooks", PATIENCE, || (at_all_hooks(&scrape()), expected));
}

/// Asserts that each packet with a stamp is a latency sample, and that none is lost.
fn assert_samples_are_whole() {
    let samples = eventually("a moment without traffic", PATIENCE, || {
        let metrics = scrape();
        let into = |namespace| {
            let of = |protocol| {
                let labels = [("netns", namespace), ("direction", "ingress"), ("protocol", protocol)];
                metrics.sum("netmon_packets_total", &labels)
            };
            ["icmp", "icmpv6", "tcp", "udp"].into_iter().map(of).sum::<f64>()
        };
        let count = |to| metrics.sum("netmon_link_latency_seconds_count", &[("to", to)]);
        let pairs = ["root", "direct_netns"].map(|namespace| (count(namespace), into(namespace)));
        pairs.iter().all(|(samples, packets)| samples == packets).then_some(pairs)
    });
    assert!(samples.iter().all(|(samples, _)| *samples > 0.0), "{samples:?}");
    assert_eq!(scrape().sum("netmon_link_lost_packets_total", &[]), 0.0);
}

fn killed_under_load(arguments: &[&str]) {
    with_pins(|| {
        let mut agent = Agent::start(arguments);
        await_carriers();
        let (out, back) = (Flood::start(ROOT, INSIDE), Flood::start(INSIDE, ROOT));
        for _ in 0..5 {
            out.await_more(200);
            agent.end(Signal::KILL);
            out.await_more(200);
            agent = Agent::start(arguments);
            out.await_more(50);
        }
        let (out, back) = (out.end(), back.end());
        await_counts(out, back);
        assert_samples_are_whole();
        let unknown = [("reason", "unknown_endpoint")];
        assert_eq!(scrape().sum("netmon_parse_exits_total", &unknown), 0.0);
        // A lab that is removed with its agent has its pins removed as well.
        let (status, _) = agent.end(Signal::TERM);
        assert!(status.success());
        assert!(!std::path::Path::new("/sys/fs/bpf/netmon").exists());
    });
}

#[test]
fn an_agent_killed_five_times_under_load_counts_every_packet_at_all_four_hooks() {
    killed_under_load(&["--persist"]);
}

#[test]
fn an_agent_on_clsact_killed_under_load_counts_every_packet() {
    killed_under_load(&["--persist", "--attach", "clsact"]);
}

#[test]
fn without_the_option_the_programs_go_with_the_agent() {
    with_pins(|| {
        Agent::start([""; 0]).end(Signal::KILL);
        let flood = Flood::start(ROOT, INSIDE);
        flood.await_more(20);
        let before = flood.end();
        let _agent = Agent::start([""; 0]);
        let counted = at_all_hooks(&scrape())[0];
        assert_eq!(counted, 0.0, "of {before}");
        assert!(!std::path::Path::new("/sys/fs/bpf/netmon").exists());
    });
}

#[test]
fn a_lab_that_is_up_counts_without_an_agent_and_agents_come_and_go() {
    with_pins(|| {
        let said = succeeds(&["up", "--persist"]);
        assert!(said.contains("packets are counted without an agent"), "{said}");
        await_carriers();
        let (out, back) = (Flood::start(ROOT, INSIDE), Flood::start(INSIDE, ROOT));
        out.await_more(300);
        // Without `--persist`, the earlier choice stays.
        for _ in 0..2 {
            let agent = Agent::start([""; 0]);
            out.await_more(200);
            let (status, _) = agent.end(Signal::TERM);
            assert!(status.success());
            out.await_more(200);
            // A lab that is in its wanted state stays as it is.
            succeeds(&["up"]);
        }
        let _agent = Agent::start([""; 0]);
        let (out, back) = (out.end(), back.end());
        await_counts(out, back);
        succeeds(&["down"]);
        assert!(!std::path::Path::new("/sys/fs/bpf/netmon").exists());
    });
}

#[test]
fn hooks_that_were_off_at_a_kill_are_put_back_on_with_their_counts() {
    use netmon::control::{Client, HookCommand, Request};
    with_pins(|| {
        let agent = Agent::start(["--persist"]);
        run("ping", &["-q", "-c", "7", "-i", "0.01", "10.200.0.3"]);
        let mut client = Client::connect(&"direct".parse().unwrap()).unwrap();
        let link = "root:veth0--direct_netns:veth1".parse().unwrap();
        client.request(&Request::Hooks(link)).unwrap();
        client.command(HookCommand::Off).unwrap();
        run("ping", &["-q", "-c", "5", "-i", "0.01", "10.200.0.3"]);
        agent.end(Signal::KILL);
        let _agent = Agent::start(["--persist"]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.200.0.3"]);
        let labels = [("netns", "root"), ("direction", "egress"), ("protocol", "icmp")];
        assert_eq!(scrape().sum("netmon_packets_total", &labels), 10.0);
    });
}

#[test]
fn status_shows_that_counting_persists() {
    with_pins(|| {
        let _agent = Agent::start(["--persist"]);
        let said = succeeds(&["status"]);
        assert!(said.lines().next().unwrap().ends_with(", counting persists"), "{said}");
    });
}

#[test]
fn pings_in_flight_and_drops_without_an_agent_are_counted() {
    with_pins(|| {
        let agent = Agent::start(["--persist"]);
        let ping = ["-q", "-c", "400", "-i", "0.01", "10.200.0.3"];
        let mut pinging = Command::new("ping").args(ping).stdout(Stdio::null()).spawn().unwrap();
        let echoes = || scrape().sum("netmon_icmp_rtt_seconds_count", &[("netns", "root")]);
        eventually("the first answers", PATIENCE, || (echoes() > 20.0).then_some(()));
        agent.end(Signal::KILL);
        // The port is closed: each datagram is dropped where it arrives.
        let sender = UdpSocket::bind("10.200.0.2:0").unwrap();
        for _ in 0..30 {
            sender.send_to(b"unheard", "10.200.0.3:9").unwrap();
        }
        let _agent = Agent::start(["--persist"]);
        assert!(pinging.wait().unwrap().success());
        assert_eq!(echoes(), 400.0);
        let dropped =
            scrape().sum("netmon_drops_total", &[("netns", "direct_netns"), ("reason", "NO_SOCKET")]);
        assert_eq!(dropped, 30.0);
    });
}
