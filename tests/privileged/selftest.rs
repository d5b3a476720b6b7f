//! `netmon selftest` passes here, can fail, and leaves nothing behind.

use std::{
    collections::BTreeSet,
    fs,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    bpf_objects::{Object, exists, held_by},
    eventually::eventually,
    host::left_behind,
    running::Running,
    sandbox::{run, sandbox},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
/// All measures of a result.
const MEASURES: [&str; 63] = [
    "packets: udp over ipv4",
    "packets: udp over ipv6",
    "packets: ipv4 with options",
    "packets: ipv6 with extension headers",
    "packets: first fragment, ipv4",
    "packets: later fragment, ipv4",
    "packets: later fragment, ipv6",
    "packets: tcp over ipv4",
    "packets: icmp echo request",
    "packets: icmpv6 echo request",
    "packets: icmpv6 neighbour solicitation",
    "packets: sctp",
    "packets: arp",
    "packets: 802.1q",
    "packets: qinq",
    "packets: unknown ethertype",
    "packets: runt",
    "early exits",
    "bytes sent, all kinds",
    "bytes received, without VLAN tags",
    "one-way latency samples",
    "icmp echoes answered",
    "icmp packets, both directions",
    "icmp round trip, median",
    "icmpv6 echoes answered",
    "icmpv6 round trip, median",
    "tcp connections opened",
    "tcp connections closed",
    "tcp connections reset",
    "tcp connections refused",
    "tcp retransmissions",
    "tcp handshakes",
    "tcp handshake, median",
    "tcp responses",
    "tcp response after 50 ms, mean",
    "segments of a bulk transfer",
    "wire bytes of a bulk transfer",
    "kernel's retransmissions of a bulk transfer",
    "dns responses: noerror",
    "dns responses: nxdomain",
    "dns responses: servfail",
    "dns responses: refused",
    "dns answer after 20 ms, mean",
    "dns queries repeated",
    "latency samples of repeated dns queries",
    "kernel drops: NO_SOCKET",
    "one-way latency behind a queue, mean",
    "icmp round trip behind a queue, mean",
    "lost behind a queue that only delays",
    "lost in a queue that overflows",
    "lost in a queue that stood still",
    "kernel's packets sent, frames",
    "kernel's bytes sent, frames",
    "kernel's packets received at the peer, frames",
    "kernel's packets sent, sockets",
    "kernel's bytes sent, sockets",
    "kernel's packets received, sockets",
    "kernel's bytes received, sockets",
    "kernel's packets received at the peer, sockets",
    "lost without any drops",
    "latency samples of foreign delivery times",
    "received of what was sent to a group",
    "echo requests unanswered",
];

fn start() -> Child {
    let mut command = Command::new(netmon());
    command.args(["selftest", "-o", "json"]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("netmon starts")
}

/// The rows of a result. Asserts that the exit code and the summary agree with them.
fn rows(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    let card: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no card: {said}"));
    assert!(card["seconds"].as_f64().is_some_and(|seconds| seconds < 40.0), "{card}");
    let rows = card["rows"].as_array().expect("rows").clone();
    let all_within = rows.iter().all(is_within);
    assert_eq!(card["within_bounds"].as_bool(), Some(all_within), "{card}");
    assert_eq!(output.status.code(), Some(if all_within { 0 } else { 5 }), "{card}");
    rows
}

fn is_within(row: &Value) -> bool {
    row["within_bounds"] == Value::Bool(true)
}

/// The namespace of one side, once its interfaces have their addresses.
fn namespace(selftest: &Child, side: &str) -> String {
    let name = format!("netmon-selftest-{}-{side}", selftest.id());
    eventually("the selftest's lab", PATIENCE, || {
        let shown = Command::new("ip").args(["-n", &name, "address", "show", "talk"]).output().ok()?;
        String::from_utf8_lossy(&shown.stdout).contains("10.98.1.").then_some(())
    });
    name
}

fn await_unload(objects: &BTreeSet<Object>) {
    eventually("no program, map or link", PATIENCE, || {
        objects.iter().all(|&object| !exists(object)).then_some(())
    });
}

#[test]
fn it_passes_with_every_measure_and_leaves_nothing() {
    sandbox(|| {
        let before = left_behind();
        // Other tests delay user space, and with it the clock that delays are compared with: the counts must be right
        // each time, the delays once.
        for attempt in 1.. {
            let selftest = start();
            namespace(&selftest, "a");
            let objects = held_by(Pid::from_child(&selftest));
            assert!(objects.len() > 10, "{objects:?}");
            let rows = rows(&selftest.wait_with_output().expect("our own child"));
            let names: Vec<_> = rows.iter().filter_map(|row| row["measure"].as_str()).collect();
            assert_eq!(names, MEASURES);
            assert_eq!(left_behind(), before);
            await_unload(&objects);
            let wrong: Vec<_> = rows.iter().filter(|row| !is_within(row)).collect();
            if wrong.is_empty() {
                break;
            }
            println!("attempt {attempt}: {wrong:?}");
            assert!(attempt < 4 && wrong.iter().all(|row| row["unit"] == "nanoseconds"), "{wrong:?}");
        }
    });
}

#[test]
fn packets_of_another_program_are_out_of_bounds_and_exit_code_five() {
    sandbox(|| {
        let before = left_behind();
        let selftest = start();
        let inside = namespace(&selftest, "a");
        // The kernel drops these at the other end for the same reason as those that the selftest counts.
        let flood = "while :; do echo more > /dev/udp/10.98.1.2/9; done";
        let flooding =
            Running::start("flood", "ip", &["netns", "exec", &inside, "bash", "-c", flood]).expect("ip");
        let output = selftest.wait_with_output().expect("our own child");
        assert_eq!(output.status.code(), Some(5));
        let rows = rows(&output);
        let drops = rows.iter().find(|row| row["measure"] == "kernel drops: NO_SOCKET").expect("a row");
        assert!(!is_within(drops) && drops["error"].as_f64() > Some(0.0), "{drops}");
        drop(flooding);
        // The flood was inside: its process holds the namespace until it has ended.
        eventually("nothing left", PATIENCE, || (left_behind() == before).then_some(()));
    });
}

#[test]
fn ctrl_c_removes_the_lab_and_the_next_run_what_a_killed_one_left() {
    sandbox(|| {
        let before = left_behind();
        let mut selftest = start();
        namespace(&selftest, "b");
        let objects = held_by(Pid::from_child(&selftest));
        kill_process(Pid::from_child(&selftest), Signal::INT).expect("a signal to our own child");
        assert_eq!(selftest.wait().expect("our own child").code(), Some(1));
        assert_eq!(left_behind(), before);
        await_unload(&objects);
        let mut killed = start();
        let left = namespace(&killed, "a");
        killed.kill().expect("our own child");
        killed.wait().expect("our own child");
        assert!(fs::exists(format!("/run/netns/{left}")).expect("/run"));
        let mut next = start();
        namespace(&next, "a");
        assert!(!fs::exists(format!("/run/netns/{left}")).expect("/run"));
        kill_process(Pid::from_child(&next), Signal::TERM).expect("a signal to our own child");
        next.wait().expect("our own child");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn without_privileges_it_is_exit_code_three() {
    sandbox(|| {
        let before = left_behind();
        // The binary may be where only root can read it.
        fs::copy(netmon(), "/run/netmon-copy").expect("a copy");
        let command =
            "setpriv --reuid 65534 --regid 65534 --clear-groups /run/netmon-copy selftest; echo code $?";
        let said = run("bash", &["-c", &format!("{{ {command}; }} 2>&1")]);
        assert!(said.contains("CAP_NET_RAW") && said.contains("code 3"), "{said}");
        fs::remove_file("/run/netmon-copy").expect("our copy");
        assert_eq!(left_behind(), before);
    });
}
