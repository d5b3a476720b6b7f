//! Services of a lab that `netmon up` leaves up: an `up` that is interrupted, one that finds another still waiting, and
//! services that fail.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    commands::{TakenDown, fails, netmon_says, succeeds},
    eventually::eventually,
    host::left_behind,
    sandbox::sandbox,
};
use rustix::process::{Pid, Signal, kill_process};

const FILE: &str = "/run/sandbox/sv.toml";
const PATIENCE: Duration = Duration::from_secs(20);
const NAMESPACE: &str = "name = \"sv\"\n[[namespace]]\nname = \"a\"\n";

/// Writes a lab whose service never gets ready.
fn write_deaf(timeout: &str) {
    let service = format!(
        "[[service]]\nname = \"deaf\"\nnamespace = \"a\"\ncommand = [\"sleep\", \"4321\"]\n\
         ready = {{ tcp = \"127.0.0.1:81\", timeout = \"{timeout}\" }}\n"
    );
    fs::write(FILE, format!("{NAMESPACE}{service}")).expect("a tmpfs");
}

/// Starts `netmon up`, and waits until its service is being waited for.
fn begin() -> Child {
    let mut up = Command::new(netmon());
    let up =
        up.args(["up", FILE]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("netmon starts");
    eventually("the supervisor", PATIENCE, || {
        let status = fs::read_to_string("/run/netmon/sv/services/status.json").ok()?;
        status.contains("\"running\"").then_some(())
    });
    up
}

fn ends(up: Child) -> (Option<i32>, String) {
    let output = up.wait_with_output().expect("it is waited for once");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_up_that_is_interrupted_takes_back_what_it_did() {
    sandbox(|| {
        let before = left_behind();
        write_deaf("60s");
        for signal in [Signal::INT, Signal::TERM] {
            let up = begin();
            kill_process(Pid::from_child(&up), signal).expect("it runs");
            let (code, said) = ends(up);
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("lab sv was removed again: interrupted before all services"), "{said}");
            assert_eq!(left_behind(), before, "{said}");
        }
    });
}

#[test]
fn an_up_that_finds_a_supervisor_still_waiting_waits_with_it() {
    sandbox(|| {
        write_deaf("3s");
        let mut killed = begin();
        killed.kill().expect("it runs");
        killed.wait().expect("it is waited for once");
        let said = fails(1, &["up", FILE]);
        assert!(said.contains("deaf") && !said.contains("lab sv is up:"), "{said}");
        succeeds(&["down", FILE]);
    });
}

#[test]
fn an_up_that_only_waits_leaves_the_services_of_the_other_when_it_is_interrupted() {
    sandbox(|| {
        write_deaf("60s");
        let mut killed = begin();
        killed.kill().expect("it runs");
        killed.wait().expect("it is waited for once");
        let _down = TakenDown::of(FILE);
        let waiting = begin();
        eventually("a handler of the signal", PATIENCE, || {
            let status = fs::read_to_string(format!("/proc/{}/status", waiting.id())).ok()?;
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?.trim().to_owned();
            (u64::from_str_radix(&caught, 16).ok()? & (1 << 1) != 0).then_some(())
        });
        kill_process(Pid::from_child(&waiting), Signal::INT).expect("it runs");
        let (code, said) = ends(waiting);
        assert_eq!(code, Some(1), "{said}");
        assert!(Path::new("/run/netmon/sv/services/supervisor.json").exists(), "{said}");
        assert!(Path::new("/run/netns/a").exists(), "{said}");
    });
}

#[test]
fn services_that_fail_are_told_by_up_status_and_graph() {
    sandbox(|| {
        let service = "[[service]]\nname = \"bad\"\nnamespace = \"a\"\n\
                       command = [\"sh\", \"-c\", \"echo I fail >&2; exit 7\"]\n";
        fs::write(FILE, format!("{NAMESPACE}{service}")).expect("a tmpfs");
        let _down = TakenDown::of(FILE);
        let said = succeeds(&["up", FILE]);
        assert!(
            said.contains("1 namespace, 0 links, 1 service (log: /run/netmon/sv/services.log)"),
            "{said}"
        );
        assert!(said.contains("service bad in a") && said.contains("exit status 7"), "{said}");
        for command in [&["status"][..], &["graph", "sv"]] {
            let said = fails(1, command);
            assert!(said.contains("service bad in a") && said.contains("exit status 7"), "{said}");
            assert!(said.contains("services.log"), "{said}");
        }
    });
}

#[test]
fn a_counted_lab_without_an_agent_is_told_as_such() {
    netmon_tests::persisted::with_pins(|| {
        succeeds(&["up", "--persist"]);
        let (code, said) = netmon_says(&["status"]);
        assert!(code == 1 && said.contains("its packets are counted, but no agent runs"), "{said}");
        succeeds(&["down"]);
    });
}
