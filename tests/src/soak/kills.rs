//! SIGKILL at random moments of building, watching and removing. One `down` leaves nothing, each time.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Pid;

use super::{MORE, SMALL, held::groups};
use crate::{
    binary::netmon,
    bpf_objects::{Object, exists, held_by},
    commands::{TakenDown, succeeds},
    eventually::eventually,
    host::left_behind,
    kill::{ends_within, kill_after},
    random,
    sandbox::{run, sandbox},
};

/// Not the name of the lab that changes, whose test runs at the same time.
const LAB: &str = "struck";
const FILE: &str = "/run/sandbox/killed.toml";
/// The kernel frees programs a while after the process that held them has ended.
const PATIENCE: Duration = Duration::from_secs(30);
const ACTS: [&[&str]; 3] = [&["up", FILE], &["run", "--listen", "127.0.0.1:0", FILE], &["down", FILE]];

/// Kills for `time`, and at least `least` times. Returns how often, and how many of the kills interrupted something.
///
/// # Panics
///
/// If `down` fails or leaves something: a name, a file, an interface, a process, a cgroup, an eBPF object.
#[must_use]
pub fn kills(time: Duration, least: u32) -> (u32, u32) {
    sandbox(|| {
        let mut chance = random::seeded();
        fs::write(FILE, format!("{SMALL}{MORE}").replace(super::LAB, LAB)).expect("a tmpfs");
        run("mkdir", &["-p", "/run/netns"]);
        let _taken_down = TakenDown::of(FILE);
        let longest = durations();
        let before = (left_behind(), groups(LAB));
        let (begun, mut killed, mut interrupted) = (Instant::now(), 0, 0);
        while killed < least || begun.elapsed() < time {
            let act = chance.usize(..ACTS.len());
            if act == 2 {
                succeeds(ACTS[0]);
            }
            let mut child = start(ACTS[act]);
            let delay = longest[act].mul_f64(chance.f64() * 1.1);
            let objects = held_at(&mut child, delay, &mut interrupted);
            succeeds(&["down", FILE]);
            killed += 1;
            assert_eq!(
                (left_behind(), groups(LAB)),
                before,
                "kill {killed}, of {:?} after {delay:?}",
                ACTS[act]
            );
            eventually("the end of its eBPF objects", PATIENCE, || {
                (!objects.iter().copied().any(exists)).then_some(())
            });
        }
        println!("kills: {killed}, of which {interrupted} interrupted a command");
        (killed, interrupted)
    })
}

/// Kills a child after `delay`. Returns the eBPF objects that it held half-way, which nothing may hold afterwards.
fn held_at(child: &mut Child, delay: Duration, interrupted: &mut u32) -> Vec<Object> {
    let pid = Pid::from_child(child);
    ends_within(pid, delay / 2);
    let objects = held_by(pid).into_iter().collect();
    *interrupted += u32::from(kill_after(child, delay / 2));
    objects
}

/// Returns how long each act takes. That of an agent is until it has built the lab.
fn durations() -> [Duration; 3] {
    let time = |arguments: &[&str]| {
        let begun = Instant::now();
        succeeds(arguments);
        begun.elapsed()
    };
    let up = time(ACTS[0]);
    let down = time(ACTS[2]);
    [up, up * 2, down]
}

fn start(arguments: &[&str]) -> Child {
    let mut netmon = Command::new(netmon());
    netmon.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    netmon.spawn().expect("netmon starts")
}
