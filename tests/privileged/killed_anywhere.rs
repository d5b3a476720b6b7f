//! A hundred SIGKILLs at random moments of whatever netmon is doing: building, watching, changing, removing, with
//! services that start and end. The next `up` or `down` always reaches the right state, and foreign objects are never
//! touched.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon::ownership::claim;
use netmon_model::lab::Lab;
use netmon_tests::{
    binary::netmon,
    built::built,
    commands::{TakenDown, netmon_says, succeeds},
    curl::answers,
    eventually::eventually,
    foreign::Foreign,
    host::left_behind,
    kill::{ends_within, kill_after},
    lab_files::spoke,
    labs::valid,
    nginx, random,
    sandbox::{run, sandbox},
    skip::skip,
};
use rustix::process::{Pid, Signal, kill_process};

const KILLS: usize = 100;
const FILE: &str = "/run/sandbox/stormed.toml";
/// Enough for a busy machine: an agent of a debug build loads its programs for seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// For an answer through a bridge that was kept while an end behind it was created again, with another link-layer
/// address: root uses the old address until its neighbour entry expires (after 45 s at most) and three probes have
/// failed.
const UNTIL_ANSWERED: Duration = Duration::from_secs(90);

/// Two namespaces on a bridge, one behind another, files, settings, routes, and services of both kinds.
const FIRST: &str = r#"
name = "stormed"
[[namespace]]
name = "storm1"
nameservers = ["10.35.0.1"]
sysctls = { "net.ipv4.ip_forward" = "1", "net.ipv6.conf.all.forwarding" = "1" }
routes = [{ to = "default", via = "10.35.0.1" }]
[[namespace]]
name = "storm2"
nameservers = []
[[bridge]]
name = "storm-br"
namespace = "root"
addresses = ["10.35.0.1/24"]
[[link]]
a = { namespace = "root", interface = "storm1-p", bridge = "storm-br" }
b = { namespace = "storm1", interface = "eth0", addresses = ["10.35.0.2/24", "fd00:35::2/64"] }
[[link]]
a = { namespace = "root", interface = "storm2-p", bridge = "storm-br" }
b = { namespace = "storm2", interface = "eth0", addresses = ["10.35.0.3/24"] }
[[service]]
namespace = "storm1"
http = "10.35.0.2:80"
[[service]]
namespace = "storm2"
command = NGINX
"#;

fn first() -> String {
    FIRST.replace("NGINX", nginx::COMMAND)
}

/// One more namespace and link, another MTU, one address less, and nginx in another namespace.
fn second() -> String {
    let more = r#"
[[namespace]]
name = "storm3"
nameservers = ["10.35.1.1"]
routes = [{ to = "default", via = "10.35.1.1" }]
[[link]]
mtu = 1400
a = { namespace = "storm1", interface = "eth1", addresses = ["10.35.1.1/24"] }
b = { namespace = "storm3", interface = "eth0", addresses = ["10.35.1.2/24"] }
"#;
    first()
        .replace(", \"fd00:35::2/64\"", "")
        .replace("namespace = \"storm2\"\ncommand", "namespace = \"storm1\"\ncommand")
        + more
}

/// What is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Up,
    Run,
    Reload,
    Down,
}

/// A lab in its wanted state.
struct Wanted {
    text: String,
    lab: Lab,
    nginx: &'static str,
    /// What `built` shows after `up` from nothing.
    built: String,
}

impl Wanted {
    fn new(text: String, nginx: &'static str) -> Self {
        fs::write(FILE, &text).unwrap();
        let lab = netmon_labfile::load(Path::new(FILE)).unwrap();
        succeeds(&["up", FILE]);
        let built = built(&lab);
        let wanted = Self { text, lab, nginx, built };
        wanted.serves();
        succeeds(&["down", FILE]);
        wanted
    }

    fn write(&self) {
        fs::write(FILE, &self.text).unwrap();
    }

    fn serves(&self) {
        for url in ["http://10.35.0.2:80/", self.nginx] {
            eventually(url, UNTIL_ANSWERED, || answers(url).then_some(()));
        }
    }
}

fn start(arguments: &[&str]) -> Child {
    let mut netmon = Command::new(netmon());
    netmon.args(arguments).arg(FILE).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    netmon.spawn().unwrap()
}

fn start_agent() -> Child {
    start(&["run", "--listen", "127.0.0.1:0"])
}

/// Starts an agent, and returns it once it serves: from then on it takes requests.
fn agent() -> Child {
    let mut agent = start_agent();
    eventually("an agent", PATIENCE, || {
        assert_eq!(agent.try_wait().unwrap(), None, "the agent ended by itself");
        claim::holder(&valid("stormed")).and_then(|holder| holder.http)
    });
    agent
}

fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (work(), begun.elapsed())
}

/// The supervisor of the services that `netmon up` started.
fn supervisor() -> Option<Pid> {
    let text = fs::read("/run/netmon/stormed/services/supervisor.json").ok()?;
    let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Pid::from_raw(json["identity"]["pid"].as_i64()?.try_into().ok()?)
}

/// How long each command takes.
struct Durations {
    up: Duration,
    ready: Duration,
    change: Duration,
    down: Duration,
}

impl Durations {
    fn measured(labs: &[Wanted; 2]) -> Self {
        labs[0].write();
        let (_, up) = time(|| succeeds(&["up", FILE]));
        let (_, down) = time(|| succeeds(&["down", FILE]));
        let (mut agent, ready) = time(agent);
        labs[1].write();
        let (_, change) = time(|| succeeds(&["reload", FILE]));
        succeeds(&["down", FILE]);
        agent.wait().unwrap();
        Self { up, ready, change, down }
    }
}

/// Runs `act`, and kills it at a random moment. Returns whether the kill interrupted it.
fn interrupt(act: Act, chance: &mut fastrand::Rng, durations: &Durations, labs: &[Wanted; 2]) -> bool {
    let [from, to] = if chance.bool() { [0, 1] } else { [1, 0] };
    let moment = chance.f64() * 1.1;
    labs[to].write();
    match act {
        Act::Up => kill_after(&mut start(&["up"]), durations.up.mul_f64(moment)),
        Act::Run => kill_after(&mut start_agent(), durations.ready.mul_f64(moment)),
        Act::Reload => {
            labs[from].write();
            let mut agent = agent();
            labs[to].write();
            let mut client = start(&["reload"]);
            let was_at_it = kill_after(&mut agent, durations.change.mul_f64(moment));
            client.wait().unwrap();
            was_at_it
        }
        Act::Down => {
            // For a lab with an agent, the agent removes it.
            if chance.bool() {
                let mut agent = agent();
                let mut client = start(&["down"]);
                let was_at_it = kill_after(&mut agent, durations.down.mul_f64(moment));
                client.wait().unwrap();
                return was_at_it;
            }
            succeeds(&["up", FILE]);
            kill_after(&mut start(&["down"]), durations.down.mul_f64(moment))
        }
    }
}

/// Asserts that no process is in the lab's namespaces. The cgroup hierarchy is outside the sandbox: it has nothing of
/// this lab beyond what earlier failed runs left.
fn nothing_runs(groups_before: &str) {
    let inside = ["storm1", "storm2", "storm3"].map(|namespace| {
        let pids = Command::new("ip").args(["netns", "pids", namespace]).output().unwrap();
        String::from_utf8_lossy(&pids.stdout).into_owned()
    });
    assert_eq!((inside.concat(), groups()), (String::new(), groups_before.to_owned()));
}

fn groups() -> String {
    run("find", &["/sys/fs/cgroup", "-path", "*/netmon/stormed/*", "-type", "d"])
}

#[test]
fn a_hundred_kills_are_repaired_by_the_next_up_or_down() {
    if let Some(why) = nginx::missing() {
        return skip(why);
    }
    sandbox(|| {
        let mut chance = random::seeded();
        nginx::write_configuration();
        run("mkdir", &["-p", "/run/netns"]);
        let foreign = Foreign::place("netmon:other");
        let (before, theirs, groups_before) = (left_behind(), foreign.identity(), groups());
        let labs =
            [Wanted::new(first(), "http://10.35.0.3:8080/"), Wanted::new(second(), "http://10.35.0.2:8080/")];
        let _taken_down = TakenDown::of(FILE);
        let durations = Durations::measured(&labs);
        assert_eq!(left_behind(), before);
        let mut acts = [Act::Up, Act::Run, Act::Reload, Act::Down].repeat(KILLS / 4);
        chance.shuffle(&mut acts);
        let mut interrupted = 0;
        let begun = Instant::now();
        for (number, act) in acts.into_iter().enumerate() {
            interrupted += usize::from(interrupt(act, &mut chance, &durations, &labs));
            if chance.u8(..4) == 0
                && let Some(supervisor) = supervisor()
            {
                // It may have ended already. If not, it must have before the next command finds it running.
                let _ = kill_process(supervisor, Signal::KILL);
                assert!(ends_within(supervisor, PATIENCE), "a supervisor survives SIGKILL");
            }
            if chance.bool() {
                let wanted = &labs[chance.usize(..2)];
                wanted.write();
                succeeds(&["up", FILE]);
                assert_eq!(built(&wanted.lab), wanted.built, "kill {number}, of {act:?}");
                let plan = succeeds(&["plan", FILE]);
                assert!(plan.contains("nothing to do"), "kill {number}, of {act:?}: {plan}");
                wanted.serves();
            } else {
                succeeds(&["down", FILE]);
                assert_eq!(left_behind(), before, "kill {number}, of {act:?}");
                nothing_runs(&groups_before);
            }
            assert_eq!(foreign.identity(), theirs, "kill {number}, of {act:?}");
            println!("kill {number}, of {act:?}, after {:?}", begun.elapsed());
        }
        succeeds(&["down", FILE]);
        assert_eq!((left_behind(), foreign.identity()), (before, theirs));
        nothing_runs(&groups_before);
        println!("{interrupted} of {KILLS} were interrupted, in {:?}", begun.elapsed());
        assert!(interrupted >= KILLS / 2, "only {interrupted} of {KILLS} were killed before they had ended");
    });
}

/// The commands that run in the namespace `served`.
fn running_services() -> Vec<String> {
    let pids = run("ip", &["netns", "pids", "served"]);
    let lines = pids.split_whitespace().filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok());
    let mut lines: Vec<String> =
        lines.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")).collect();
    lines.sort();
    lines
}

#[test]
fn services_follow_their_file_after_a_killed_up_and_when_an_agent_adopts_them() {
    sandbox(|| {
        let write = |seconds: u32| {
            let lab = format!(
                "name = \"served\"\n{}[[service]]\nnamespace = \"served\"\ncommand = [\"sleep\", \"{seconds}\"]\n",
                spoke("served", "served0", "10.35.0")
            );
            fs::write(FILE, lab).unwrap();
        };
        let wait_for = |service: &str| {
            eventually(service, PATIENCE, || (running_services() == [service]).then_some(()));
        };
        let _taken_down = TakenDown::of(FILE);
        let before = left_behind();
        write(1001);
        succeeds(&["up", FILE]);
        wait_for("sleep 1001");
        // The state as `up` records it before it does anything.
        let path = "/run/netmon/served/state.json";
        let state = fs::read_to_string(path).unwrap();
        fs::write(path, state.replace("1001", "1002").replace("\"complete\":true", "\"complete\":false"))
            .unwrap();
        write(1002);
        succeeds(&["up", FILE]);
        wait_for("sleep 1002");
        write(1003);
        let mut agent = start_agent();
        wait_for("sleep 1003");
        eventually("an agent that takes requests", PATIENCE, || {
            (netmon_says(&["down", FILE]).0 == 0).then_some(())
        });
        agent.wait().unwrap();
        assert_eq!(left_behind(), before);
    });
}
