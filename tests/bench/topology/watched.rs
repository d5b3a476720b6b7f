//! What it takes to watch such a lab: attaching every hook, a scrape, and the agent's memory.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use netmon::{
    datapath::{Datapath, Options, features::mode_for},
    topology::{self, BoxError, Claim, Endpoint, Instrument, Silent},
};
use netmon_tests::agent::{ADDRESS, Agent, scrape};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::subject::Subject;
use crate::figures::Figure;

/// Scrapes of each kind.
const SCRAPES: usize = 15;
/// Each takes two neighbours, and the kernel's table of them holds 1,024 for all namespaces (`gc_thresh3`).
const MOST_PINGED: usize = 400;
const MIB: f64 = 1024.0 * 1024.0;

/// Everything that was seen of a watched lab.
pub(super) struct Watched {
    pub(super) links: u32,
    /// Attaching all hooks, ms, a run each.
    pub(super) attach_ms: Figure,
    /// From the start of `netmon run` to its being ready, ms.
    pub(super) ready_ms: f64,
    /// Before anybody sent anything.
    pub(super) at_rest: Scrapes,
    /// After a ping through each of the first links.
    pub(super) pinged: Scrapes,
    /// What the agent's own memory was at the end, and at its most, MiB.
    pub(super) resident_mib: f64,
    pub(super) most_resident_mib: f64,
    /// The maps, as the kernel accounts them, MiB.
    pub(super) maps_mib: f64,
}

/// `/metrics`, a few times.
pub(super) struct Scrapes {
    pub(super) plain_ms: Figure,
    pub(super) plain_mib: f64,
    pub(super) gzip_ms: Figure,
    pub(super) gzip_mib: f64,
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
    for address in subject.inside.iter().take(MOST_PINGED) {
        ping(address)?;
    }
    let pinged = Scrapes::take()?;
    let maps_mib = scrape().sum("netmon_map_memory_bytes", &[]) / MIB;
    let [resident_mib, most_resident_mib] = resident_mib(&agent)?;
    let (status, _) = agent.end(Signal::INT);
    if !status.success() {
        bail!("netmon run ended with {status}");
    }
    let attach_ms = Figure::of(attach_ms);
    Ok(Watched {
        links: count,
        attach_ms,
        ready_ms,
        at_rest,
        pinged,
        resident_mib,
        most_resident_mib,
        maps_mib,
    })
}

/// Attaches to all endpoints, as the agent does it between making the links and setting them up; ms.
fn attach(subject: &Subject) -> Result<f64> {
    let lab = subject.lab()?;
    let claim = Claim::take(&lab.name)?;
    let options = Options { mode: mode_for(lab.links.len()), ..Options::default() };
    let mut timed = Timed { datapath: Datapath::load(&options)?, took: Duration::ZERO };
    let endpoints = topology::up(&lab, &claim, &mut timed, &Silent)?;
    let errors = timed.datapath.detach_all();
    drop((endpoints, timed.datapath));
    let report = topology::down(&claim, |_, _| Vec::new(), &Silent);
    if !errors.is_empty() || !report.errors.is_empty() {
        bail!("the lab does not go: {errors:?} {:?}", report.errors);
    }
    Ok(timed.took.as_secs_f64() * 1e3)
}

struct Timed {
    datapath: Datapath,
    took: Duration,
}

impl Instrument for Timed {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        let begun = Instant::now();
        self.datapath.attach_only(endpoints)?;
        self.took = begun.elapsed();
        Ok(())
    }
}

fn ping(address: &str) -> Result<()> {
    let mut command = Command::new("ping");
    command.args(["-q", "-c", "1", "-W", "5", address]).stdin(Stdio::null()).stdout(Stdio::null());
    if !command.status()?.success() {
        bail!("nobody answers at {address}");
    }
    Ok(())
}

impl Scrapes {
    fn take() -> Result<Self> {
        let (plain_ms, plain_mib) = repeated("identity")?;
        let (gzip_ms, gzip_mib) = repeated("gzip")?;
        Ok(Self { plain_ms, plain_mib, gzip_ms, gzip_mib })
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "plain_ms": self.plain_ms.json(), "plain_mib": self.plain_mib,
            "gzip_ms": self.gzip_ms.json(), "gzip_mib": self.gzip_mib,
        })
    }
}

/// The times, and the size of the last answer.
fn repeated(encoding: &str) -> Result<(Figure, f64)> {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        bytes = get(encoding)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok((Figure::of(times), bytes as f64 / MIB))
}

/// Asks as Prometheus does, and says how long the answer is, its head included.
fn get(encoding: &str) -> Result<usize> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {ADDRESS}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("/metrics: {}", String::from_utf8_lossy(&answer[..answer.len().min(200)]));
    }
    Ok(answer.len())
}

/// `VmRSS` and `VmHWM`.
fn resident_mib(agent: &Agent) -> Result<[f64; 2]> {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid().as_raw_nonzero()))?;
    let read = |key: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).context("a process with memory")?;
        let kib: f64 = line.split_whitespace().next().context("a number")?.parse()?;
        Ok(kib / 1024.0)
    };
    Ok([read("VmRSS:")?, read("VmHWM:")?])
}
