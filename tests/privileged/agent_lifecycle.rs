//! Start, end and kill of the agent, and the host afterwards.

use std::{path::Path, process::Stdio, time::Duration};

use netmon_tests::{
    agent::{Agent, Up, scrape, spawn},
    commands::{netmon_says, succeeds},
    eventually::eventually,
    host::left_behind,
    lab_files::shipped,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

#[test]
fn an_agent_is_ready_within_five_seconds() {
    sandbox(|| {
        // The fastest of a few starts shows what a start takes, without what else the machine does.
        let start = || {
            let agent = Agent::start([""; 0]);
            assert_eq!(scrape().sum("netmon_program_attached", &[("mode", "tcx")]), 4.0);
            agent.until_ready
        };
        let times: Vec<Duration> = (0..3).map(|_| start()).collect();
        assert!(times.iter().any(|&time| time < Duration::from_secs(5)), "{times:?}");
    });
}

fn ends_without_a_trace(signal: Signal) {
    sandbox(|| {
        let before = left_behind();
        let agent = Agent::start([shipped("direct-nginx.toml")]);
        let nginx = eventually("nginx, a master and its workers", Duration::from_secs(10), || {
            let pids = run("ip", &["netns", "pids", "direct_netns"]);
            let pids: Vec<String> = pids.split_whitespace().map(str::to_owned).collect();
            (pids.len() > 1).then_some(pids)
        });
        let (status, took) = agent.end(signal);
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(3), "{took:?}");
        println!("{signal:?}: gone after {took:?}");
        assert_eq!(left_behind(), before);
        for pid in nginx {
            assert!(!Path::new("/proc").join(&pid).exists(), "process {pid} is left");
        }
        run("bash", &["-c", "! ip link show veth0 2>/dev/null"]);
    });
}

#[test]
fn after_sigint_nothing_is_left() {
    ends_without_a_trace(Signal::INT);
}

#[test]
fn after_sigterm_nothing_is_left() {
    ends_without_a_trace(Signal::TERM);
}

#[test]
fn sigint_ends_an_agent_that_inherited_it_as_ignored() {
    sandbox(|| {
        let netmon = netmon_tests::binary::netmon();
        let command = format!("trap '' INT; exec {} run", netmon.display());
        let mut child =
            std::process::Command::new("bash").args(["-c", &command]).stdin(Stdio::null()).spawn().unwrap();
        eventually("a lab", Duration::from_secs(20), || {
            Path::new("/run/netns/direct_netns").exists().then_some(())
        });
        eventually("a ready agent", Duration::from_secs(20), || {
            let (code, _) = netmon_says(&["status"]);
            (code == 0).then_some(())
        });
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).unwrap();
        let status = eventually("its end", Duration::from_secs(10), || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0));
    });
}

#[test]
fn a_lab_that_is_kept_keeps_its_services_running() {
    sandbox(|| {
        assert_eq!(Agent::start(["--keep"]).end(Signal::TERM).0.code(), Some(0));
        run("ping", &["-c", "1", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/"]);
        succeeds(&["down"]);
        assert!(!Path::new("/run/netns/direct_netns").exists());
    });
}

/// A namespace, a veth pair and a bridge that are not netmon's.
fn foreign() {
    run("ip", &["netns", "add", "foreign"]);
    run("ip", &["link", "add", "theirs0", "type", "veth", "peer", "name", "theirs1", "netns", "foreign"]);
    run("ip", &["link", "add", "theirbr", "type", "bridge"]);
}

fn foreign_is_untouched() {
    run("ip", &["link", "show", "theirs0"]);
    run("ip", &["-n", "foreign", "link", "show", "theirs1"]);
    run("ip", &["link", "show", "theirbr"]);
}

#[test]
fn after_sigkill_the_next_run_goes_on_and_its_end_leaves_nothing() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns"]);
        foreign();
        let before = left_behind();
        Agent::start([""; 0]).end(Signal::KILL);
        assert!(Path::new("/run/netns/direct_netns").exists());
        let again = Agent::start([""; 0]);
        run("ping", &["-c", "2", "-i", "0.1", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/"]);
        assert_eq!(again.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(left_behind(), before);
        foreign_is_untouched();
    });
}

#[test]
fn after_sigkill_down_leaves_nothing() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns"]);
        foreign();
        let before = left_behind();
        let lab = shipped("direct-nginx.toml");
        Agent::start([&lab]).end(Signal::KILL);
        succeeds(&["down", &lab]);
        assert_eq!(left_behind(), before);
        assert!(!run("bash", &["-c", "pgrep -a nginx || true"]).contains("direct_netns"));
        foreign_is_untouched();
    });
}

#[test]
fn run_takes_over_what_up_made_and_leaves_it() {
    sandbox(|| {
        let _lab = Up::direct();
        let agent = Agent::start([""; 0]);
        assert_eq!(scrape().sum("netmon_program_attached", &[]), 4.0);
        assert_eq!(agent.end(Signal::INT).0.code(), Some(0));
        run("ping", &["-c", "1", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/"]);
        succeeds(&["down"]);
        assert!(!Path::new("/run/netns/direct_netns").exists());
    });
}

#[test]
fn an_interface_that_goes_down_or_is_deleted_is_reported_and_the_agent_continues() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let up = || scrape().sum("netmon_endpoint_up", &[]);
        assert_eq!(up(), 2.0);
        run("ip", &["link", "set", "veth0", "down"]);
        eventually("one end that is down", Duration::from_secs(1), || (up() == 1.0).then_some(()));
        run("ip", &["link", "set", "veth0", "up"]);
        eventually("both ends up again", Duration::from_secs(1), || (up() == 2.0).then_some(()));
        run("ip", &["link", "del", "veth0"]);
        eventually("both ends gone", Duration::from_secs(1), || (up() == 0.0).then_some(()));
        assert_eq!(scrape().sum("netmon_program_attached", &[]), 0.0);
    });
}

#[test]
fn the_programs_messages_reach_the_log_when_it_is_asked_for() {
    sandbox(|| {
        for (level, is_logged) in [("debug", true), ("info", false)] {
            let log = format!("/run/log-{level}");
            let netmon = netmon_tests::binary::netmon();
            let command = format!("exec {} --log {level} run > {log} 2>&1", netmon.display());
            let mut child = std::process::Command::new("bash").args(["-c", &command]).spawn().unwrap();
            eventually("a ready agent", Duration::from_secs(20), || {
                (netmon_says(&["status"]).0 == 0).then_some(())
            });
            run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/"]);
            let has =
                || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("tcp connection, event"));
            if is_logged {
                eventually("a message of a program", Duration::from_secs(5), || has().then_some(()));
            }
            rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
            child.wait().unwrap();
            assert_eq!(has(), is_logged, "at {level}");
        }
    });
}

#[test]
fn a_lab_whose_agent_is_killed_while_building_is_removed_by_down() {
    sandbox(|| {
        let before = left_behind();
        for _ in 0..5 {
            let mut child = spawn([""; 0], Stdio::null());
            eventually("some of the lab", Duration::from_secs(20), || {
                Path::new("/run/netmon/direct").exists().then_some(())
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
        succeeds(&["down"]);
        assert_eq!(left_behind(), before);
    });
}
