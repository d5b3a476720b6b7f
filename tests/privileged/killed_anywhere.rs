//! A hundred SIGKILLs at moments of chance, of whatever netmon is doing: building, watching, changing, removing, with
//! services that start and end. The next `up` or `down` always ends in the right state, and what is somebody else's is
//! never touched.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netmon::ownership::claim;
use netmon_model::lab::Lab;
use netmon_tests::{
    agent::netmon_says,
    binary::netmon,
    built::built,
    eventually::eventually,
    foreign::Foreign,
    host::left_behind,
    labs::valid,
    random,
    sandbox::{run, sandbox},
    skip::skip,
};
use rustix::process::{Pid, Signal, kill_process};

const KILLS: usize = 100;
const FILE: &str = "/run/sandbox/stormed.toml";
const PATIENCE: Duration = Duration::from_secs(10);

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
command = ["nginx", "-e", "stderr", "-p", "/run/sandbox", "-c", "/run/sandbox/storm.conf", "-g", "daemon off;"]
"#;

/// A namespace and a link more, another MTU, an address less, and nginx elsewhere.
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
    FIRST
        .replace(", \"fd00:35::2/64\"", "")
        .replace("namespace = \"storm2\"\ncommand", "namespace = \"storm1\"\ncommand")
        + more
}

const NGINX: &str = "
pid /run/sandbox/storm.pid;
worker_processes 1;
user root;
events {}
http {
    client_body_temp_path /run/sandbox/body;
    proxy_temp_path /run/sandbox/proxy;
    fastcgi_temp_path /run/sandbox/fastcgi;
    uwsgi_temp_path /run/sandbox/uwsgi;
    scgi_temp_path /run/sandbox/scgi;
    access_log off;
    server { listen 8080; location / { return 200 'nginx'; } }
}
";

/// What is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Up,
    Run,
    Reload,
    Down,
}

/// How a lab should be.
struct Wanted {
    text: String,
    lab: Lab,
    nginx: &'static str,
    /// As it is after `up` from nothing.
    built: String,
}

impl Wanted {
    fn new(text: String, nginx: &'static str) -> Self {
        fs::write(FILE, &text).unwrap();
        let lab = netmon_labfile::load(Path::new(FILE)).unwrap();
        finish("up");
        let built = built(&lab);
        let wanted = Self { text, lab, nginx, built };
        wanted.serves();
        finish("down");
        wanted
    }

    fn write(&self) {
        fs::write(FILE, &self.text).unwrap();
    }

    fn serves(&self) {
        for url in ["http://10.35.0.2:80/", self.nginx] {
            eventually(url, PATIENCE, || {
                let curl = ["-sf", "-m", "2", "-o", "/dev/null", url];
                Command::new("curl").args(curl).status().unwrap().success().then_some(())
            });
        }
    }
}

/// Takes the lab down also when the test fails: its processes do not go with the sandbox.
struct TakenDown;

impl Drop for TakenDown {
    fn drop(&mut self) {
        // Not by what may panic: the test may have, already.
        let _ = Command::new(netmon()).args(["down", FILE]).stdin(Stdio::null()).output();
    }
}

fn finish(command: &str) {
    let (code, said) = netmon_says(&[command, FILE]);
    assert_eq!(code, 0, "{command}: {said}");
}

fn start(arguments: &[&str]) -> Child {
    let mut netmon = Command::new(netmon());
    netmon.args(arguments).arg(FILE).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    netmon.spawn().unwrap()
}

fn start_agent() -> Child {
    start(&["run", "--listen", "127.0.0.1:0"])
}

/// An agent that serves, which is when it can be asked.
fn agent() -> Child {
    let mut agent = start_agent();
    eventually("an agent", PATIENCE, || {
        assert_eq!(agent.try_wait().unwrap(), None, "the agent ended by itself");
        claim::holder(&valid("stormed")).and_then(|holder| holder.http)
    });
    agent
}

/// Kills the process after this time; says whether it was at it.
fn kill_after(process: &mut Child, time: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap().code().is_none()
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The process that `netmon up` left the services with.
fn supervisor() -> Option<Pid> {
    let text = fs::read("/run/netmon/stormed/services/supervisor.json").ok()?;
    let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Pid::from_raw(json["identity"]["pid"].as_i64()?.try_into().ok()?)
}

/// How long each takes by itself.
struct Durations {
    up: Duration,
    ready: Duration,
    change: Duration,
    down: Duration,
}

impl Durations {
    fn measured(labs: &[Wanted; 2]) -> Self {
        labs[0].write();
        let up = time(|| finish("up"));
        let down = time(|| finish("down"));
        let mut process = None;
        let ready = time(|| process = Some(agent()));
        labs[1].write();
        let change = time(|| finish("reload"));
        finish("down");
        process.expect("it was started").wait().unwrap();
        Self { up, ready, change, down }
    }
}

/// Does something, and kills it in the middle. Says whether it was at it.
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
            // Of an agent's lab it is the agent that removes it.
            if chance.bool() {
                let mut agent = agent();
                let mut client = start(&["down"]);
                let was_at_it = kill_after(&mut agent, durations.down.mul_f64(moment));
                client.wait().unwrap();
                return was_at_it;
            }
            finish("up");
            kill_after(&mut start(&["down"]), durations.down.mul_f64(moment))
        }
    }
}

/// Nobody is in the lab's namespaces. What is not in a sandbox is the hierarchy of cgroups: in there is nothing of
/// the lab's but what other runs of this test left when they failed.
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
fn a_hundred_kills_are_put_right_by_the_next_up_or_down() {
    if Command::new("nginx").arg("-v").output().is_err() {
        return skip("nginx is not installed (Debian: nginx-core)");
    }
    sandbox(|| {
        let mut chance = random::seeded();
        fs::write("/run/sandbox/storm.conf", NGINX).unwrap();
        run("mkdir", &["-p", "/run/netns"]);
        let foreign = Foreign::place();
        let (before, theirs, groups_before) = (left_behind(), foreign.identity(), groups());
        let labs = [
            Wanted::new(FIRST.to_owned(), "http://10.35.0.3:8080/"),
            Wanted::new(second(), "http://10.35.0.2:8080/"),
        ];
        let _taken_down = TakenDown;
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
                // It may have ended already.
                let _ = kill_process(supervisor, Signal::KILL);
            }
            if chance.bool() {
                let wanted = &labs[chance.usize(..2)];
                wanted.write();
                finish("up");
                assert_eq!(built(&wanted.lab), wanted.built, "kill {number}, of {act:?}");
                let (_, plan) = netmon_says(&["plan", FILE]);
                assert!(plan.contains("nothing to do"), "kill {number}, of {act:?}: {plan}");
                wanted.serves();
            } else {
                finish("down");
                assert_eq!(left_behind(), before, "kill {number}, of {act:?}");
                nothing_runs(&groups_before);
            }
            assert_eq!(foreign.identity(), theirs, "kill {number}, of {act:?}");
            println!("kill {number}, of {act:?}, after {:?}", begun.elapsed());
        }
        finish("down");
        assert_eq!((left_behind(), foreign.identity()), (before, theirs));
        nothing_runs(&groups_before);
        println!("{interrupted} of {KILLS} were interrupted, in {:?}", begun.elapsed());
        assert!(interrupted >= KILLS / 2, "only {interrupted} of {KILLS} were killed before they had ended");
    });
}

/// What runs in the namespace `served`.
fn running_services() -> Vec<String> {
    let pids = run("ip", &["netns", "pids", "served"]);
    let lines = pids.split_whitespace().filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok());
    let mut lines: Vec<String> =
        lines.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")).collect();
    lines.sort();
    lines
}

#[test]
fn services_are_the_files_also_when_an_up_was_killed_before_it_changed_them_and_when_an_agent_adopts_them() {
    sandbox(|| {
        let write = |seconds: u32| {
            let lab = format!(
                "name = \"served\"\n[[namespace]]\nname = \"served\"\n[[link]]\n\
                 a = {{ namespace = \"root\", interface = \"served0\" }}\n\
                 b = {{ namespace = \"served\", interface = \"eth0\" }}\n\
                 [[service]]\nnamespace = \"served\"\ncommand = [\"sleep\", \"{seconds}\"]\n"
            );
            fs::write(FILE, lab).unwrap();
        };
        let wait_for = |service: &str| {
            eventually(service, PATIENCE, || (running_services() == [service]).then_some(()));
        };
        let _taken_down = TakenDown;
        let before = left_behind();
        write(1001);
        finish("up");
        wait_for("sleep 1001");
        // As it is written before anything is done.
        let path = "/run/netmon/served/state.json";
        let state = fs::read_to_string(path).unwrap();
        fs::write(path, state.replace("1001", "1002").replace("\"complete\":true", "\"complete\":false"))
            .unwrap();
        write(1002);
        finish("up");
        wait_for("sleep 1002");
        write(1003);
        let mut agent = start_agent();
        wait_for("sleep 1003");
        eventually("an agent that is asked", PATIENCE, || {
            (netmon_says(&["down", FILE]).0 == 0).then_some(())
        });
        agent.wait().unwrap();
        assert_eq!(left_behind(), before);
    });
}
