//! The cost of watching such a lab: attaching every hook, a scrape, and the agent's memory.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use netmon::{
    datapath::{Options, features::mode_for},
    ownership::Claim,
    topology::{self, AttachObserver, BoxError, Endpoint},
    watch::Meter,
};
use netmon_model::progress::Silent;
use netmon_tests::{
    agent::{ADDRESS, Agent, scrape},
    sandbox::run as program,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::subject::Subject;
use crate::figures::Figure;

/// Scrapes of each kind.
const SCRAPES: usize = 15;
/// Each ping takes a neighbour at either end, and the kernel's table of them holds 1,024 for all namespaces
/// (`gc_thresh3`). Root forgets its own after so many.
const MOST_PINGED: usize = 900;
const AT_ONCE: usize = 100;
const MIB: f64 = 1024.0 * 1024.0;

/// Everything that was seen of a watched lab.
pub(super) struct Watched {
    pub(super) links: u32,
    /// Attaching all hooks, ms, a run each.
    pub(super) attach_ms: Figure,
    /// From the start of `netmon run` to its being ready, ms.
    pub(super) ready_ms: f64,
    /// Before any traffic.
    pub(super) at_rest: Scrapes,
    /// After a ping through almost every link.
    pub(super) pinged: Scrapes,
    /// The agent's memory beside the maps at the end, MiB: what it took, and what it shares with its program's file.
    pub(super) own_mib: f64,
    pub(super) program_mib: f64,
    /// The maps, as the kernel accounts them, MiB.
    pub(super) maps_mib: f64,
}

/// `/metrics`, a few times.
pub(super) struct Scrapes {
    pub(super) took_ms: Figure,
    /// The last one's size.
    pub(super) mib: f64,
}

pub(super) fn measure(count: u32, rounds: u32) -> Result<Watched> {
    let subject = Subject::of(count)?;
    let mut attach_ms = Vec::new();
    for _ in 0..rounds {
        attach_ms.push(attach(&subject)?);
    }
    let agent = Agent::start([subject.file()]);
    let ready_ms = agent.until_ready.as_secs_f64() * 1e3;
    let at_rest = Scrapes::take()?;
    let addresses = &subject.inside[..subject.inside.len().min(MOST_PINGED)];
    for some in addresses.chunks(AT_ONCE) {
        some.iter().try_for_each(|address| ping(address))?;
        program("ip", &["neigh", "flush", "all"]);
    }
    let pinged = Scrapes::take()?;
    let maps_mib = scrape().sum("netmon_map_memory_bytes", &[]) / MIB;
    let (own_mib, program_mib) = resident_mib(&agent)?;
    let (status, _) = agent.end(Signal::INT);
    if !status.success() {
        bail!("netmon run ended with {status}");
    }
    let attach_ms = Figure::of(attach_ms);
    Ok(Watched { links: count, attach_ms, ready_ms, at_rest, pinged, own_mib, program_mib, maps_mib })
}

/// Returns how long attaching to all endpoints takes in ms, at the moment at which the agent does it: after the links are
/// created and before they are set up.
fn attach(subject: &Subject) -> Result<f64> {
    let lab = subject.lab()?;
    let claim = Claim::take(&lab.name)?;
    let options = Options { mode: mode_for(lab.links.len()), ..Options::default() };
    let mut timed = Timed { meter: Meter::load(&options)?, took: Duration::ZERO };
    topology::up(&lab, &claim, &mut timed, &Silent)?;
    let errors = timed.meter.release();
    drop(timed.meter);
    let report = topology::down(&claim, |_, _| Vec::new(), &Silent);
    if !errors.is_empty() || !report.errors.is_empty() {
        bail!("cannot remove the lab: {errors:?} {:?}", report.errors);
    }
    Ok(timed.took.as_secs_f64() * 1e3)
}

struct Timed {
    meter: Meter,
    took: Duration,
}

impl AttachObserver for Timed {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        let begun = Instant::now();
        self.meter.attach(endpoints)?;
        self.took = begun.elapsed();
        Ok(())
    }
}

fn ping(address: &str) -> Result<()> {
    let mut command = Command::new("ping");
    command.args(["-q", "-c", "1", "-W", "5", address]).stdin(Stdio::null()).stdout(Stdio::null());
    if !command.status()?.success() {
        bail!("no answer from {address}");
    }
    Ok(())
}

impl Scrapes {
    fn take() -> Result<Self> {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..SCRAPES {
            let begun = Instant::now();
            bytes = get()?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Self { took_ms: Figure::of(times), mib: bytes as f64 / MIB })
    }

    pub(super) fn json(&self) -> Value {
        json!({ "took_ms": self.took_ms.json(), "mib": self.mib })
    }
}

/// Reads a response to its end. Returns its length, including its head.
fn get() -> Result<usize> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("/metrics: {}", String::from_utf8_lossy(&answer[..answer.len().min(200)]));
    }
    Ok(answer.len())
}

/// Returns the resident memory of the process itself, and that of files. A mapped eBPF map is neither
/// (`proc_pid_smaps(5)`).
fn resident_mib(agent: &Agent) -> Result<(f64, f64)> {
    let smaps = fs::read_to_string(format!("/proc/{}/smaps", agent.pid().as_raw_nonzero()))?;
    let (mut own_kib, mut program_kib, mut name) = (0.0, 0.0, "");
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["Rss:", kib, "kB"] => {
                let kib: f64 = kib.parse().context("a number in smaps")?;
                match name {
                    map if map.starts_with("anon_inode:") => {}
                    file if file.starts_with('/') => program_kib += kib,
                    _ => own_kib += kib,
                }
            }
            [range, _, _, _, _, rest @ ..] if !range.ends_with(':') => name = rest.first().unwrap_or(&""),
            _ => {}
        }
    }
    Ok((own_kib / 1024.0, program_kib / 1024.0))
}
