//! A lab that is changed while it is watched: what stays loses nothing, and what is wrong changes nothing.
#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::{Agent, Metrics, netmon_says, scrape},
    binary::netmon,
    eventually::eventually,
    host::left_behind,
    sandbox::{run, sandbox},
};
use rustix::process::{Signal, kill_process};

const FILE: &str = "/run/sandbox/changing.toml";
const PATIENCE: Duration = Duration::from_secs(10);
/// How many moments of a change the agent is killed at.
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

fn served(url: &str) -> bool {
    let curl =
        Command::new("curl").args(["-sSf", "-m", "2", "-o", "/dev/null", url]).stderr(Stdio::null()).status();
    curl.expect("curl is installed").success()
}

#[test]
fn a_link_that_stays_loses_no_packet_and_no_count_while_others_come_and_go() {
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
                0 => assert_eq!(netmon_says(&["reload", FILE]).0, 0),
                1 => assert_eq!(netmon_says(&["up", FILE]).0, 0),
                _ => kill_process(agent.pid(), Signal::HUP).expect("it runs"),
            }
            eventually("the new link", PATIENCE, || {
                (scrape().count("netmon_endpoint_up", &[("link", "new")]) == 2).then_some(())
            });
            run("ping", &["-q", "-c", "1", "-W", "2", "10.32.1.2"]);
            let metrics = scrape();
            // From its first packet on, and from zero each time.
            assert_eq!((sent(&metrics, "new", "cm0"), sent(&metrics, "new", "eth0")), (1.0, 1.0));
            assert_eq!(metrics.sum("netmon_endpoint_up", &[]), 6.0);
            write(FIRST);
            assert_eq!(netmon_says(&["reload", FILE]).0, 0);
            assert_eq!(scrape().count("netmon_endpoint_up", &[]), 2);
            assert!(!run("ip", &["netns", "list"]).contains("comes"));
            assert!(served("http://10.32.0.2/"), "the service runs on");
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
fn what_is_wrong_or_in_somebodys_way_changes_nothing() {
    sandbox(|| {
        write(FIRST);
        let agent = Agent::start([FILE]);
        run("ip", &["netns", "add", "comes"]);
        let before = left_behind();
        write(&format!("{FIRST}{SECOND}"));
        for command in ["reload", "up"] {
            let (code, said) = netmon_says(&[command, FILE]);
            assert_eq!(code, 4, "{said}");
            assert!(said.contains("namespace comes exists"), "{said}");
        }
        write(&FIRST.replace("[[service]]", "[[servce]]"));
        let (code, said) = netmon_says(&["reload", FILE]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("changing.toml:8:"), "{said}");
        kill_process(agent.pid(), Signal::HUP).expect("it runs");
        write(&FIRST.replace("10.32.0.2/24", "10.32.0.2/99"));
        kill_process(agent.pid(), Signal::HUP).expect("it runs");
        write(FIRST);
        // Client after them, so answered after them.
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert_eq!(left_behind(), before);
        assert!(served("http://10.32.0.2/"));
        assert_eq!(scrape().sum("netmon_endpoint_up", &[]), 2.0);
    });
}

#[test]
fn a_change_that_fails_half_way_is_taken_back_and_what_went_is_there_again() {
    sandbox(|| {
        let both = format!("{FIRST}{SECOND}");
        write(&both);
        let _agent = Agent::start([FILE]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.32.0.2"]);
        // Without the second namespace, and with a third that no kernel can make as it is wanted.
        let third = "[[namespace]]\nname = \"third\"\nsysctls = { \"net.ipv4.no_such_setting\" = \"1\" }\n";
        write(&format!("{FIRST}{third}"));
        let (code, said) = netmon_says(&["reload", FILE]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("no_such_setting") && said.contains("cannot change lab "), "{said}");
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.32.0.2"]);
        run("ping", &["-q", "-c", "1", "-W", "2", "10.32.1.2"]);
        let metrics = scrape();
        assert_eq!((sent(&metrics, "steady", "st0"), sent(&metrics, "new", "cm0")), (5.0, 1.0));
        assert_eq!(metrics.sum("netmon_endpoint_up", &[]), 6.0);
        assert!(!run("ip", &["netns", "list"]).contains("third"));
        write(&both);
        assert_eq!(netmon_says(&["plan", FILE]), (0, "lab changing: nothing to do\n".to_owned()));
    });
}

#[test]
fn a_change_whose_services_do_not_start_is_taken_back_with_the_services_that_ran() {
    sandbox(|| {
        write(FIRST);
        let _agent = Agent::start([FILE]);
        assert!(served("http://10.32.0.2/"));
        let before = left_behind();
        let wrong = "[[service]]\nnamespace = \"stays\"\ncommand = [\"no-such-program\"]\n";
        let taken = "[[service]]\nnamespace = \"stays\"\nhttp = \"10.32.0.2:80\"\n";
        for services in [wrong, taken] {
            write(&format!("{FIRST}{services}{SECOND}"));
            // Once more: it is not taken for what runs.
            for _ in 0..2 {
                let (code, said) = netmon_says(&["reload", FILE]);
                assert!(matches!(code, 1 | 2), "{said}");
                assert!(served("http://10.32.0.2/"), "{said}");
                assert_eq!(left_behind(), before);
            }
        }
        write(FIRST);
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert!(served("http://10.32.0.2/"));
    });
}

#[test]
fn networks_of_both_families_and_the_mtu_are_changed_in_place_with_their_routes() {
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
        assert_eq!(netmon_says(&["up", FILE]).0, 0, "{text}");
        assert_eq!(netmon_says(&["plan", FILE]), (0, "lab changing: nothing to do\n".to_owned()));
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
        // Other networks, and no routes any more.
        changed(&without_routes(LAB));
        assert_eq!((routes("-4"), routes("-6")), (String::new(), String::new()));
        // Too small for IPv6, which goes with it; and back, which is the usual size again.
        let small = without_routes(LAB)
            .replace(", \"fd32::1/64\"", "")
            .replace(", \"fd32::2/64\"", "")
            .replace("name = \"steady\"\n", "name = \"steady\"\nmtu = 600\n");
        changed(&small);
        changed(LAB);
        ping("fd32::2");
        assert!(run("ip", &["link", "show", "st0"]).contains("mtu 1500"));
        assert_eq!(netmon_says(&["down", FILE]).0, 0);
    });
}

#[test]
fn an_agent_that_is_killed_at_any_moment_of_a_change_leaves_what_the_next_up_or_down_puts_right() {
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
            // Not before the client has asked, which takes most of the time.
            spin(takes.mul_f64(0.3 + 0.7 * f64::from(moment) / f64::from(MOMENTS)));
            let (status, _) = agent.end(Signal::KILL);
            assert_eq!(status.code(), None, "ended by the signal");
            interrupted += u32::from(!client.wait().expect("it ran").success());
            if moment % 3 == 0 {
                assert_eq!(netmon_says(&["up", FILE]).0, 0);
                assert!(
                    netmon_says(&["plan", FILE]).1.contains("nothing to do"),
                    "killed at moment {moment}"
                );
                run("ping", &["-q", "-c", "1", "-W", "2", "10.32.0.2"]);
            }
            assert_eq!(netmon_says(&["down", FILE]).0, 0);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(
            interrupted > MOMENTS / 4,
            "only {interrupted} of {MOMENTS} were killed before they had ended"
        );
    });
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        thread::yield_now();
    }
}

#[test]
fn addresses_and_services_change_with_their_file() {
    sandbox(|| {
        write(FIRST);
        let _agent = Agent::start([FILE]);
        run("ping", &["-q", "-c", "3", "-i", "0.01", "10.32.0.2"]);
        let changed = FIRST.replace("10.32.0.2/24", "10.32.0.7/24").replace("10.32.0.2:80", "10.32.0.7:81");
        write(&changed);
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert!(served("http://10.32.0.7:81/"));
        assert!(!served("http://10.32.0.7:80/"));
        run("ping", &["-q", "-c", "2", "-i", "0.01", "10.32.0.7"]);
        assert_eq!(sent(&scrape(), "steady", "st0"), 5.0, "the link stayed");
        let (_, status) = netmon_says(&["graph"]);
        assert!(status.contains("10.32.0.7"), "{status}");
    });
}

#[test]
fn reload_of_a_lab_that_nobody_runs_says_what_there_is_to_do() {
    sandbox(|| {
        let (code, said) = netmon_says(&["reload"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("no agent runs lab direct") && said.contains("netmon up"), "{said}");
    });
}

/// Takes the lab down, also when the test fails: nobody else knows the agent's process.
struct TakenDown;

impl Drop for TakenDown {
    fn drop(&mut self) {
        netmon_says(&["down", FILE]);
    }
}

#[test]
fn an_agent_whose_terminal_is_gone_ends_as_by_ctrl_c() {
    sandbox(|| {
        let before = left_behind();
        write(FIRST);
        let _taken_down = TakenDown;
        let run = format!("{} run {FILE}", netmon().display());
        let mut terminal = Command::new("script")
            .args(["-qec", &run, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("script is installed");
        eventually("the lab", PATIENCE, || served("http://10.32.0.2/").then_some(()));
        terminal.kill().expect("it runs");
        terminal.wait().expect("it ran");
        eventually("the end", PATIENCE, || (left_behind() == before).then_some(()));
    });
}
