//! Locks, pipes and terminals that others hold: they delay netmon for a moment, and neither stop nor end it.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::{TakenDown, succeeds},
    eventually::eventually,
    host::left_behind,
    running::Running,
    sandbox::{run, sandbox},
    unprivileged,
};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// Well above the second for which a lock is awaited, on a busy machine.
const DELAYED: Duration = Duration::from_secs(15);

fn in_time(arguments: &[&str]) -> String {
    let begun = Instant::now();
    let said = succeeds(arguments);
    assert!(begun.elapsed() < DELAYED, "{arguments:?} took {:?}", begun.elapsed());
    said
}

#[test]
fn a_user_who_locks_the_folder_of_names_stops_neither_up_nor_run_nor_down() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        run("mkdir", &["/run/netns"]);
        let before = left_behind();
        let _holder = unprivileged::locks("/run/netns");
        let said = in_time(&["up"]);
        assert!(said.contains("of user 65534 has held the lock on /run/netns"), "{said}");
        in_time(&["down"]);
        let (status, took) = Agent::start([""; 0]).end(Signal::TERM);
        assert!(status.success() && took < DELAYED, "{status} after {took:?}");
        assert_eq!(left_behind().lines().next(), before.lines().next());
    });
}

#[test]
fn a_process_that_is_killed_while_it_has_the_hosts_lock_leaves_nothing_after_down() {
    sandbox(|| {
        let before = left_behind();
        succeeds(&["up"]);
        fs::write("/run/netmon/netns-directory.lock", "").unwrap();
        succeeds(&["down"]);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_pipe_among_the_names_is_no_namespace_and_no_process_waits_for_it() {
    sandbox(|| {
        run("mkdir", &["/run/netns"]);
        run("mkfifo", &["/run/netns/pipe"]);
        for command in ["plan", "up", "doctor", "clean", "down"] {
            let status =
                Command::new("timeout").arg("30").arg(netmon()).arg(command).output().unwrap().status;
            assert_ne!(status.code(), Some(124), "{command} hangs");
        }
        assert!(fs::symlink_metadata("/run/netns/pipe").is_ok());
    });
}

#[test]
fn an_agent_whose_log_is_not_read_is_ended_by_a_signal_and_by_down() {
    const FILE: &str = "/run/sandbox/talk.toml";
    sandbox(|| {
        let lab = "[[namespace]]\nname = \"t1\"\n[[service]]\nname = \"y\"\nnamespace = \"t1\"\n\
                   command = [\"yes\", \"a long line of a service that says a lot and goes on saying it\"]\n";
        fs::write(FILE, lab).unwrap();
        let before = left_behind();
        for by_signal in [true, false] {
            let _taken_down = TakenDown::of(FILE);
            // The pipe is held by the child's handle, and not read.
            let mut agent = Command::new(netmon())
                .args(["run", FILE])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let thread = |wanted: &str| {
                let tasks =
                    fs::read_dir(format!("/proc/{}/task", agent.id())).into_iter().flatten().flatten();
                let mut places =
                    tasks.map(|task| fs::read_to_string(task.path().join("wchan")).unwrap_or_default());
                places.any(|place| place.contains(wanted))
            };
            eventually("a full pipe", PATIENCE, || thread("pipe_write").then_some(()));
            match by_signal {
                true => kill_process(Pid::from_child(&agent), Signal::TERM).unwrap(),
                false => drop(in_time(&["down", FILE])),
            }
            let status = eventually("the end", PATIENCE, || agent.try_wait().unwrap());
            assert!(status.success(), "{status}");
            assert_eq!(left_behind(), before);
        }
    });
}

#[test]
fn an_agent_under_nohup_outlives_its_terminal_and_another_ends_with_it() {
    sandbox(|| {
        let log = "/run/sandbox/nohup.log";
        let start = |how: &str| {
            let agent = format!("exec {how} {} run > {log} 2>&1", netmon().display());
            let terminal = Running::start("terminal", "script", &["-q", "-c", &agent, "/dev/null"]).unwrap();
            let ready =
                || run("sh", &["-c", "curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:9477/readyz || true"]);
            eventually("a ready agent", PATIENCE, || (ready() == "200").then_some(()));
            terminal
        };
        drop(start("nohup"));
        let said = || fs::read_to_string(log).unwrap();
        eventually("its answer", PATIENCE, || said().contains("the agent keeps running").then_some(()));
        assert!(run("curl", &["-sf", "127.0.0.1:9477/healthz"]).contains("ok"));
        succeeds(&["down"]);
        // A caller that ignores the signal itself would pass that on.
        drop(start("env --default-signal=HUP"));
        eventually("the end", PATIENCE, || said().contains("lab direct was removed").then_some(()));
    });
}
