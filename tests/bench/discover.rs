//! What watching the links of a host costs: the start with many of them, an idle agent, a new pair, and the end of a container.
//!
//! Containers are namespaces of processes here, each with a pair to the namespace of the agent. A container ends when its process is
//! killed; it is gone when the kernel has removed the end outside.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use netmon_kernel::netlink::Netlink;
use netmon_model::names::IfIndex;
use netmon_tests::{
    agent::{ADDRESS, Agent},
    curl::page,
    eventually::eventually,
    sandbox::run as command,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    figures::{Figure, conditions},
    live::share,
};

const PATIENCE: Duration = Duration::from_secs(120);
/// The interface outside of the container that ends.
const OUTSIDE: &str = "ending";
/// Arguments of the agents. Only links to the namespace of the measurement count, whatever else is on the machine.
const MEASURED: [&str; 3] = ["--discover", "--include", "root"];
const COUNTED: [&str; 3] = ["--discover=count", "--include", "root"];
/// Hooks of a pair, as `/readyz` counts them.
const HOOKS: usize = 4;

/// What is to be measured.
pub(crate) struct Wish {
    /// Pairs that are there when the agent starts.
    pub(crate) pairs: u32,
    /// Ends of a container with an agent, and without.
    pub(crate) rounds: u32,
    /// The length of the window of the idle share, in seconds.
    pub(crate) seconds: u64,
    pub(crate) json: bool,
}

/// What was measured.
struct Figures {
    start_ms: f64,
    /// Per cent of a processor.
    idle: f64,
    resident_kib: u64,
    descriptors: usize,
    new_pair_ms: Figure,
    end_without_ms: Figure,
    end_with_ms: Figure,
    end_counting_ms: Figure,
}

/// Measures and prints.
pub(crate) fn run(wish: &Wish) -> Result<()> {
    make_pairs(wish.pairs)?;
    let agent = Agent::start(MEASURED);
    let start_ms = milliseconds(agent.until_ready);
    ensure!(hooks()? == HOOKS * wish.pairs as usize, "not every pair is watched");
    let idle = share::over(agent.pid(), wish.seconds)?;
    let (resident_kib, descriptors) = memory_and_descriptors(&agent)?;
    let new_pair_ms = Figure::of((0..wish.rounds).map(new_pair).collect::<Result<_>>()?);
    drop(agent);
    let [end_without_ms, end_with_ms, end_counting_ms] = ends(wish.rounds)?;
    let figures = Figures {
        start_ms,
        idle,
        resident_kib,
        descriptors,
        new_pair_ms,
        end_without_ms,
        end_with_ms,
        end_counting_ms,
    };
    if wish.json {
        println!("{}", figures.json(wish));
    } else {
        figures.print(wish);
    }
    Ok(())
}

/// Makes namespaces with a pair each, all ends up.
fn make_pairs(pairs: u32) -> Result<()> {
    let mut batch = String::new();
    for pair in 0..pairs {
        batch += &format!(
            "netns add n{pair}\nlink add v{pair} type veth peer name eth0 netns n{pair}\nlink set v{pair} up\n"
        );
    }
    fs::write("/run/sandbox/batch", batch).context("a tmpfs")?;
    fs::create_dir_all("/run/netns")?;
    command("ip", &["-batch", "/run/sandbox/batch"]);
    command("ip", &["-all", "netns", "exec", "ip", "link", "set", "eth0", "up"]);
    Ok(())
}

/// Returns how many hooks the agent says that it watches.
fn hooks() -> Result<usize> {
    let text = page(&format!("http://{ADDRESS}/readyz")).context("the agent does not answer")?;
    let ready: Value = serde_json::from_str(&text)?;
    usize::try_from(ready["hooks_attached"].as_u64().context("no number of hooks")?).map_err(Into::into)
}

fn memory_and_descriptors(agent: &Agent) -> Result<(u64, usize)> {
    let pid = agent.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let resident = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok((resident, fs::read_dir(format!("/proc/{pid}/fd"))?.count()))
}

/// Makes a pair. Returns the time from then until it is watched, in milliseconds.
fn new_pair(round: u32) -> Result<f64> {
    let (name, before) = (format!("new{round}"), hooks()?);
    command("ip", &["netns", "add", &name]);
    command("ip", &["link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns", &name]);
    let begun = Instant::now();
    eventually("a watched pair", PATIENCE, || (hooks().ok()? == before + HOOKS).then_some(()));
    Ok(milliseconds(begun.elapsed()))
}

/// Measures how long a container takes to end: without an agent, with one that measures, and with one that counts, in turn.
fn ends(rounds: u32) -> Result<[Figure; 3]> {
    let mut runs: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds as usize {
        for turn in 0..runs.len() {
            let kind = (round + turn) % runs.len();
            let arguments = [None, Some(MEASURED), Some(COUNTED)][kind];
            let _agent = arguments.map(Agent::start);
            runs[kind].push(end_of_container(arguments.is_some())?);
        }
    }
    Ok(runs.map(Figure::of))
}

/// Starts a container, ends it, and returns the milliseconds until its interface outside is gone.
fn end_of_container(is_watched: bool) -> Result<f64> {
    let before = if is_watched { hooks()? } else { 0 };
    let mut container = Container::start()?;
    if is_watched {
        eventually("a watched container", PATIENCE, || (hooks().ok()? == before + HOOKS).then_some(()));
    }
    container.end()
}

struct Container {
    process: Child,
    outside: IfIndex,
}

impl Container {
    fn start() -> Result<Self> {
        let mut unshare = Command::new("unshare");
        let process = unshare.args(["--net", "sleep", "1000"]).stdin(Stdio::null()).spawn()?;
        let own = fs::read_link("/proc/thread-self/ns/net")?;
        let inside = format!("/proc/{}/ns/net", process.id());
        eventually("a namespace", PATIENCE, || (fs::read_link(&inside).ok()? != own).then_some(()));
        let pid = process.id().to_string();
        command("ip", &["link", "add", OUTSIDE, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        command("ip", &["link", "set", OUTSIDE, "up"]);
        let interfaces = Netlink::open()?.interfaces()?;
        let outside =
            interfaces.iter().find(|interface| interface.name == OUTSIDE).context("no such interface")?;
        Ok(Self { process, outside: IfIndex(outside.index) })
    }

    fn end(&mut self) -> Result<f64> {
        let mut netlink = Netlink::open()?;
        let begun = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.process), Signal::KILL)?;
        self.process.wait()?;
        while netlink.interface(self.outside)?.is_some() {
            ensure!(begun.elapsed() < PATIENCE, "the interface stays");
        }
        Ok(milliseconds(begun.elapsed()))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It has ended unless something failed before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Figures {
    fn json(&self, wish: &Wish) -> Value {
        json!({
            "pairs": wish.pairs,
            "start_ms": self.start_ms,
            "idle_percent_of_a_processor": self.idle,
            "resident_kib": self.resident_kib,
            "descriptors": self.descriptors,
            "new_pair_ms": self.new_pair_ms.json(),
            "end_of_container_ms": {
                "without_agent": self.end_without_ms.json(),
                "measured": self.end_with_ms.json(),
                "counted": self.end_counting_ms.json(),
            },
        })
    }

    fn print(&self, wish: &Wish) {
        let Self { start_ms, idle, resident_kib, descriptors, .. } = self;
        println!("{} pairs, from the start of the agent until all are watched: {start_ms:.0} ms", wish.pairs);
        println!("idle, over {} s: {idle:.2} % of a processor", wish.seconds);
        println!("memory {} MiB resident, {descriptors} descriptors", resident_kib >> 10);
        println!("a new pair until it is watched: {} ms", self.new_pair_ms);
        println!("the end of a container, until its interface outside is gone, ms:");
        println!("  without an agent       {}", self.end_without_ms);
        println!("  measured by tracing    {}", self.end_with_ms);
        println!("  counted by tracing     {}", self.end_counting_ms);
        println!("{}", conditions());
    }
}
