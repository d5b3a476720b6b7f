//! Changes of a lab that is watched: what stays loses nothing, and a wrong file changes nothing.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    binary::netmon,
    commands::{TakenDown, fails, netmon_says, succeeds},
    curl::answers,
    eventually::eventually,
    host::left_behind,
    kill::ends_within,
    sandbox::{run, sandbox},
};
use rustix::process::{Signal, kill_process};

const FILE: &str = "/run/sandbox/changing.toml";
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of moments during a change at which the agent is killed.
const MOMENTS: u32 = 24;

const FIRST: &str = r#"
[[namespace]]
name = "stays"
[[link]]
name = "steady"
a = { namespace = "root", interface = "st0", addresses = ["10.32.0.1/24"] }
b = { namespace = "stays", interface = "eth0", addresses = ["10.32.0.2/24"] }
[[service]]
namespace = "stays"
http = "10.32.0.2:80"
"#;

const SECOND: &str = r#"
[[namespace]]
name = "comes"
[[link]]
name = "new"
a = { namespace = "root", interface = "cm0", addresses = ["10.32.1.1/24"] }
b = { namespace = "comes", interface = "eth0", addresses = ["10.32.1.2/24"] }
[[link]]
name = "between"
a = { namespace = "stays", interface = "eth1", addresses = ["10.32.2.1/24"] }
b = { namespace = "comes", interface = "eth1", addresses = ["10.32.2.2/24"] }
"#;

fn write(text: &str) {
    fs::write(FILE, text).expect("a tmpfs");
}

fn sent(metrics: &Metrics, link: &str, interface: &str) -> f64 {
    let labels = [("link", link), ("interface", interface), ("direction", "egress"), ("protocol", "icmp")];
    metrics.sum("netmon_packets_total", &labels)
}

#[test]
fn a_link_that_stays_loses_no_packet_and_no_count_during_changes() {
    sandbox(|| {
        let before = left_behind();
        write(FIRST);
        let agent = Agent::start([FILE]);
        let pings = 600;
        let ping = Command::new("ping")
            .args(["-q", "-c", &pings.to_string(), "-i", "0.01", "10.32.0.2"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ping is installed");
        let both = format!("{FIRST}{SECOND}");
        for round in 0..3 {
            write(&both);
            match round {
                0 => drop(succeeds(&["reload", FILE])),
                1 => drop(succeeds(&["up", FILE])),
                _ => kill_process(agent.pid(), Signal::HUP).expect("it runs"),
            }
            eventually("the new link", PATIENCE, || {
                (scrape().sum("netmon_endpoint_up", &[("link", "new")]) == 2.0).then_some(())
            });
            run("ping", &["-q", "-c", "1", "-W", "2", "10.32.1.2"]);
            let metrics = scrape();
            // Counted from its first packet on, and from zero each time.
            assert_eq!((sent(&metrics, "new", "cm0"), sent(&metrics, "new", "eth0")), (1.0, 1.0));
            assert_eq!(metrics.sum("netmon_endpoint_up", &[]), 6.0);
            write(FIRST);
            succeeds(&["reload", FILE]);
            assert_eq!(scrape().count("netmon_endpoint_up", &[]), 2);
            assert!(!run("ip", &["netns", "list"]).contains("comes"));
            assert!(answers("http://10.32.0.2/"), "the service runs on");
        }
        let said = ping.wait_with_output().expect("it ran");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains(&format!("{pings} received, 0% packet loss")), "{said}");
        let metrics = scrape();
        assert_eq!((sent(&metrics, "steady", "st0"), sent(&metrics, "steady", "eth0")), (600.0, 600.0));
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_file_that_is_wrong_or_conflicts_changes_nothing() {
    sandbox(|| {
        write(FIRST);
        let agent = Agent::start([FILE]);
        run("ip", &["netns", "add", "comes"]);
        // The link has a carrier once a packet has crossed it; `before` lists its flags.
        run("ping", &["-q", "-c", "1", "-W", "2", "10.32.0.2"]);
        let before = left_behind();
        write(&format!("{FIRST}{SECOND}"));
        for command in ["reload", "up"] {
            let said = fails(4, &[command, FILE]);
            assert!(said.contains("namespace comes already exists"), "{said}");
        }
        write(&FIRST.replace("[[service]]", "[[servce]]"));
        let said = fails(2, &["reload", FILE]);
        assert!(said.contains("changing.toml:8:"), "{said}");
        kill_process(agent.pid(), Signal::HUP).expect("it runs");
        write(&FIRST.replace("10.32.0.2/24", "10.32.0.2/99"));
        kill_process(agent.pid(), Signal::HUP).expect("it runs");
        write(FIRST);
        // Requests are handled in order: this one is answered after the others.
        succeeds(&["reload", FILE]);
        assert_eq!(left_behind(), before);
        assert!(answers("http://10.32.0.2/"));
        assert_eq!(scrape().sum("netmon_endpoint_up", &[]), 2.0);
    });
}

#[test]
fn a_change_that_fails_half_way_is_undone_and_removed_parts_are_back() {
    sandbox(|| {
        let both = format!("{FIRST}{SECOND}");
        write(&both);
        let _agent = Agent::start([FILE]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.32.0.2"]);
        // Without the second namespace, with a third one, and with a route that the kernel refuses: its next hop is not
        // reached any more, since the network of the link was reduced to one address by hand.
        run("ip", &["-n", "stays", "route", "add", "10.32.0.1/32", "dev", "eth0"]);
        run("ip", &["-n", "stays", "route", "delete", "10.32.0.0/24"]);
        let route = "name = \"stays\"\nroutes = [{ to = \"10.99.0.0/16\", via = \"10.32.0.9\" }]\n";
        let third = "[[namespace]]\nname = \"third\"\n";
        write(&format!("{}{third}", FIRST.replacen("name = \"stays\"\n", route, 1)));
        let said = fails(1, &["reload", FILE]);
        assert!(said.contains("10.32.0.9") && said.contains("cannot change lab "), "{said}");
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.32.0.2"]);
        run("ping", &["-q", "-c", "1", "-W", "2", "10.32.1.2"]);
        let metrics = scrape();
        assert_eq!((sent(&metrics, "steady", "st0"), sent(&metrics, "new", "cm0")), (5.0, 1.0));
        assert_eq!(metrics.sum("netmon_endpoint_up", &[]), 6.0);
        assert!(!run("ip", &["netns", "list"]).contains("third"));
        write(&both);
        assert_eq!(succeeds(&["plan", FILE]), "lab changing: nothing to do\n");
    });
}

#[test]
fn a_change_whose_services_do_not_start_is_undone_and_the_old_ones_run() {
    sandbox(|| {
        write(FIRST);
        let _agent = Agent::start([FILE]);
        assert!(answers("http://10.32.0.2/"));
        let before = left_behind();
        let wrong = "[[service]]\nnamespace = \"stays\"\ncommand = [\"no-such-program\"]\n";
        let taken = "[[service]]\nnamespace = \"stays\"\nhttp = \"10.32.0.2:80\"\n";
        for services in [wrong, taken] {
            write(&format!("{FIRST}{services}{SECOND}"));
            // Twice: the failed service is not mistaken for the running one.
            for _ in 0..2 {
                let (code, said) = netmon_says(&["reload", FILE]);
                assert!(matches!(code, 1 | 2), "{said}");
                assert!(answers("http://10.32.0.2/"), "{said}");
                assert_eq!(left_behind(), before);
            }
        }
        write(FIRST);
        succeeds(&["reload", FILE]);
        assert!(answers("http://10.32.0.2/"));
    });
}

#[test]
fn addresses_of_both_families_routes_and_the_mtu_are_changed_in_place() {
    const LAB: &str = r#"
[[namespace]]
name = "stays"
routes = [{ to = "default", via = "10.32.0.1" }, { to = "default", via = "fd32::1" }]
[[link]]
name = "steady"
a = { namespace = "root", interface = "st0", addresses = ["10.32.0.1/24", "fd32::1/64"] }
b = { namespace = "stays", interface = "eth0", addresses = ["10.32.0.2/24", "fd32::2/64"] }
"#;
    let without_routes = |text: &str| text.replacen("routes", "# routes", 1);
    let ping = |address: &str| run("ping", &["-q", "-c", "1", "-W", "2", address]);
    let routes = |family: &str| run("ip", &["-n", "stays", family, "route", "show", "default"]);
    let changed = |text: &str| {
        write(text);
        succeeds(&["up", FILE]);
        assert_eq!(succeeds(&["plan", FILE]), "lab changing: nothing to do\n");
    };
    sandbox(|| {
        changed(LAB);
        let other = LAB.replace("fd32::", "fd33::").replace("10.32.", "10.33.");
        changed(&other);
        ping("10.33.0.2");
        ping("fd33::2");
        assert!(routes("-6").contains("fd33::1") && !routes("-6").contains("fd32::1"), "{}", routes("-6"));
        changed(&other.replace("/64", "/48"));
        assert!(routes("-6").contains("fd33::1") && routes("-4").contains("10.33.0.1"));
        // Other networks, and no routes.
        changed(&without_routes(LAB));
        assert_eq!((routes("-4"), routes("-6")), (String::new(), String::new()));
        // The MTU is too small for IPv6, whose addresses the kernel removes; then back to the default.
        let small = without_routes(LAB)
            .replace(", \"fd32::1/64\"", "")
            .replace(", \"fd32::2/64\"", "")
            .replace("name = \"steady\"\n", "name = \"steady\"\nmtu = 600\n");
        changed(&small);
        changed(LAB);
        ping("fd32::2");
        assert!(run("ip", &["link", "show", "st0"]).contains("mtu 1500"));
        succeeds(&["down", FILE]);
    });
}

#[test]
fn after_a_kill_at_any_moment_of_a_change_the_next_up_or_down_repairs_the_lab() {
    sandbox(|| {
        run("ip", &["netns", "add", "foreign"]);
        run(
            "ip",
            &["link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1", "netns", "foreign"],
        );
        let before = left_behind();
        let both = format!("{FIRST}{SECOND}");
        let change = |text: &str| {
            write(text);
            Command::new(netmon())
                .args(["reload", FILE])
                .stderr(Stdio::null())
                .spawn()
                .expect("netmon starts")
        };
        write(FIRST);
        let agent = Agent::start([FILE]);
        let begun = Instant::now();
        assert!(change(&both).wait().expect("it ran").success());
        let takes = begun.elapsed();
        drop(agent);
        let mut interrupted = 0;
        for moment in 0..MOMENTS {
            let (from, to) = if moment % 2 == 0 { (FIRST, &*both) } else { (&*both, FIRST) };
            write(from);
            let agent = Agent::start([FILE]);
            let mut client = change(to);
            // Not before the client has sent its request, which takes most of the time.
            let moment_of_kill = takes.mul_f64(0.3 + 0.7 * f64::from(moment) / f64::from(MOMENTS));
            assert!(!ends_within(agent.pid(), moment_of_kill), "the agent ended by itself");
            let (status, _) = agent.end(Signal::KILL);
            assert_eq!(status.code(), None, "ended by the signal");
            interrupted += u32::from(!client.wait().expect("it ran").success());
            if moment % 3 == 0 {
                succeeds(&["up", FILE]);
                assert!(succeeds(&["plan", FILE]).contains("nothing to do"), "killed at moment {moment}");
                run("ping", &["-q", "-c", "1", "-W", "2", "10.32.0.2"]);
            }
            succeeds(&["down", FILE]);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(
            interrupted > MOMENTS / 4,
            "only {interrupted} of {MOMENTS} were killed before they had ended"
        );
    });
}

#[test]
fn addresses_and_services_change_with_their_file() {
    sandbox(|| {
        write(FIRST);
        let _agent = Agent::start([FILE]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.32.0.2"]);
        let changed = FIRST.replace("10.32.0.2/24", "10.32.0.7/24").replace("10.32.0.2:80", "10.32.0.7:81");
        write(&changed);
        succeeds(&["reload", FILE]);
        assert!(answers("http://10.32.0.7:81/"));
        assert!(!answers("http://10.32.0.7:80/"));
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.32.0.7"]);
        assert_eq!(sent(&scrape(), "steady", "st0"), 5.0, "the link stayed");
        let status = succeeds(&["graph"]);
        assert!(status.contains("10.32.0.7"), "{status}");
    });
}

#[test]
fn reload_of_a_lab_without_an_agent_says_what_to_do() {
    sandbox(|| {
        let said = fails(1, &["reload"]);
        assert!(said.contains("no agent runs lab direct") && said.contains("netmon up"), "{said}");
    });
}

#[test]
fn an_agent_whose_terminal_closes_ends_as_on_ctrl_c() {
    sandbox(|| {
        let before = left_behind();
        write(FIRST);
        let _taken_down = TakenDown::of(FILE);
        let run = format!("env --default-signal=HUP {} run {FILE}", netmon().display());
        let mut terminal = Command::new("script")
            .args(["-qec", &run, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("script is installed");
        eventually("the lab", PATIENCE, || answers("http://10.32.0.2/").then_some(()));
        terminal.kill().expect("it runs");
        terminal.wait().expect("it ran");
        eventually("the end", PATIENCE, || (left_behind() == before).then_some(()));
    });
}
