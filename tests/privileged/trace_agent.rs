//! A trace beside an agent: the agent shows it, counts the same packets, and nothing is left attached.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use netmon_kernel::sys::bpf::ObjectKind::{Link, Program};
use netmon_model::trace::Trace;
use netmon_tests::{
    agent::{ADDRESS, Agent},
    binary::netmon,
    bpf_objects::{exists, held_by},
    curl::page,
    eventually::eventually,
    sandbox::sandbox,
    traced::arrives,
};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(10);

fn shown() -> Vec<Trace> {
    let answer = page(&format!("http://{ADDRESS}/api/v1/traces")).expect("an answer");
    let mut answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    serde_json::from_value(answer["traces"].take()).expect("traces")
}

#[test]
fn an_agent_shows_the_traces_of_its_lab_newest_first() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        assert!(shown().is_empty());
        let first = arrives(&["root", "direct_netns", "-c", "2"]);
        let second = arrives(&["direct_netns", "root", "-c", "3"]);
        assert_eq!(shown(), [second, first]);
    });
}

#[test]
fn an_agent_measures_on_while_a_trace_runs_and_has_no_program_of_it() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let before = held_by(agent.pid());
        arrives(&["root", "direct_netns"]);
        assert_eq!(held_by(agent.pid()), before, "a trace loads nothing into the agent");
    });
}

/// The programs end with the process, however that ends.
#[test]
fn nothing_is_attached_after_a_trace_was_killed() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut trace = Command::new(netmon())
            .args(["trace", "root", "direct_netns", "-c", "10000"])
            .stdout(Stdio::null())
            .spawn()
            .expect("netmon starts");
        let pid = Pid::from_child(&trace);
        let objects = eventually("attached programs", PATIENCE, || {
            let objects = held_by(pid);
            (objects.iter().filter(|(kind, _)| *kind == Link).count() == 3).then_some(objects)
        });
        assert!(objects.iter().any(|(kind, _)| *kind == Program));
        kill_process(pid, Signal::KILL).expect("our own child");
        trace.wait().expect("our own child");
        eventually("none of them left", PATIENCE, || {
            objects.iter().all(|object| !exists(*object)).then_some(())
        });
    });
}
