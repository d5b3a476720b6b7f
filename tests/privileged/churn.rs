//! A thousand changes of a watched lab leave nothing behind in the agent or on the host.

use std::{fs, path::PathBuf, time::Duration};

use netmon::control::{Client, Request};
use netmon_tests::{
    agent::{Agent, scrape},
    eventually::eventually,
    host::left_behind,
    labs::valid,
    sandbox::sandbox,
};
use rustix::process::Signal;

const LAB: &str = "churning";
/// A cycle is a change there and back: a namespace, a bridge and a link are created, watched and deleted. Each hook
/// waits for an RCU grace period, 10 ms and more, which is most of the time.
const CYCLES: u32 = 1000;
/// After so many cycles, all that is allocated once is allocated.
const WARM: u32 = 100;
/// Idle threads end after ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const QUIET_LOOKS: u32 = 20;
/// What an allocator may retain.
const SLACK_KIB: u64 = 4096;

const STAYS: &str = r#"
name = "churning"
[[namespace]]
name = "stays"
[[link]]
name = "steady"
a = { namespace = "root", interface = "st0", addresses = ["10.33.0.1/24"] }
b = { namespace = "stays", interface = "eth0", addresses = ["10.33.0.2/24"] }
"#;

const COMES: &str = r#"
[[namespace]]
name = "comes"
nameservers = []
[[bridge]]
name = "br0"
namespace = "comes"
addresses = ["10.33.1.2/24"]
[[link]]
name = "new"
a = { namespace = "root", interface = "cm0", addresses = ["10.33.1.1/24"] }
b = { namespace = "comes", interface = "eth0", bridge = "br0" }
"#;

/// What grows when something leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    mounts: usize,
    names: usize,
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn held(agent: &Agent) -> Held {
    let process = format!("/proc/{}", agent.pid().as_raw_nonzero());
    let mounts = fs::read_to_string(format!("{process}/mountinfo")).expect("it runs");
    Held {
        descriptors: count(&format!("{process}/fd")),
        threads: count(&format!("{process}/task")),
        mounts: mounts.lines().count(),
        names: count("/run/netns"),
    }
}

impl Held {
    fn is_within(self, most: Self) -> bool {
        self.descriptors <= most.descriptors
            && self.threads <= most.threads
            && self.mounts <= most.mounts
            && self.names <= most.names
    }
}

/// Waits until the values stay the same for a while, when idle threads have ended.
fn settled(agent: &Agent) -> Held {
    let (mut last, mut same) = (held(agent), 0);
    eventually("a quiet agent", PATIENCE, || {
        let now = held(agent);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same == QUIET_LOOKS).then_some(now)
    })
}

fn resident_kib(agent: &Agent) -> u64 {
    let status =
        fs::read_to_string(format!("/proc/{}/status", agent.pid().as_raw_nonzero())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a process with memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn change(file: &str) {
    let mut agent = Client::connect(&valid(LAB)).expect("the agent listens");
    agent.request(&Request::Change(Some(PathBuf::from(file)))).expect("a file that the agent can apply");
}

#[test]
fn a_thousand_cycles_leave_nothing_behind() {
    sandbox(|| {
        let before = left_behind();
        let (small, large) = ("/run/sandbox/small.toml", "/run/sandbox/large.toml");
        fs::write(small, STAYS).expect("a tmpfs");
        fs::write(large, format!("{STAYS}{COMES}")).expect("a tmpfs");
        let agent = Agent::start_frugal([small]);
        let cycle = || {
            change(large);
            change(small);
        };
        (0..WARM).for_each(|_| cycle());
        let (warm, memory) = (settled(&agent), resident_kib(&agent));
        let maps = scrape().sum("netmon_map_memory_bytes", &[]);
        (WARM..CYCLES).for_each(|_| cycle());
        println!("after {WARM} cycles {warm:?}, after {CYCLES} {:?}", held(&agent));
        eventually("no more than there was", PATIENCE, || held(&agent).is_within(warm).then_some(()));
        let now = resident_kib(&agent);
        assert!(now <= memory + SLACK_KIB, "{memory} KiB after {WARM} cycles, {now} after {CYCLES}");
        let metrics = scrape();
        assert!((metrics.sum("netmon_map_memory_bytes", &[]) - maps).abs() < 1.0);
        assert_eq!(metrics.count("netmon_endpoint_up", &[]), 2);
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
        assert_eq!(left_behind(), before);
    });
}
