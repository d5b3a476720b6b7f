//! The asking program: sends one thing after the other from inside the sender's namespace, and measures each answer.
//!
//! It blocks, on a thread that does nothing else, so that what it measures is what a simple program such as ping would.

mod connection;
mod echo;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    io,
    net::IpAddr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use netmon_ebpf::trace::Event;
use netmon_model::trace::Outcome;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    time::{ClockId, clock_gettime},
};

use self::{connection::Connections, echo::Echoes};
use super::{Ask, TraceError, assemble::Attempt, programs::Programs};

/// What to send, and how often.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) target: IpAddr,
    pub(super) ask: Ask,
    pub(super) count: u32,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// The outcomes: how each attempt ended, and what the programs saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) attempts: Vec<Attempt>,
    pub(super) events: Vec<Event>,
}

/// How one attempt ended, and what the program was told.
type End = (Outcome, Option<String>);

/// Returns an error of the kernel in words, without its number.
fn told(error: impl Into<io::Error>) -> String {
    let text = error.into().to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Makes one attempt after the other.
trait Asker {
    /// Makes an attempt. Returns when it began, when it ended, and how.
    fn ask(&mut self, run: u32, programs: &mut Programs) -> Result<Attempt, TraceError>;
}

/// Makes all attempts, in the calling thread's namespace.
pub(super) fn run(plan: &Plan, programs: &mut Programs) -> Result<Asked, TraceError> {
    let mut asker: Box<dyn Asker> = match &plan.ask {
        Ask::Icmp => Box::new(Echoes::open(plan, random())?),
        Ask::Tcp { .. } | Ask::Http { .. } => Box::new(Connections::new(plan)),
    };
    let mut asked = Asked::default();
    let mut next = Instant::now();
    for run in 0..plan.count {
        pause(next.saturating_duration_since(Instant::now()));
        next = Instant::now() + plan.interval;
        asked.attempts.push(asker.ask(run, programs)?);
        programs.drain(&mut asked.events);
    }
    Ok(asked)
}

/// Returns 16 bytes that no other packet has, by any likelihood. They are no secret.
fn random() -> [u8; 16] {
    // The standard library seeds each of these from the kernel's random numbers.
    let word = || RandomState::new().build_hasher().finish().to_ne_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&word());
    bytes[8..].copy_from_slice(&word());
    bytes
}

/// Returns the time in nanoseconds, on the clock of the programs' events.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

fn pause(time: Duration) {
    if let Ok(time) = Timespec::try_from(time) {
        // If a signal interrupts it, the next attempt comes early.
        let _ = poll(&mut [], Some(&time));
    }
}

/// Waits until a descriptor is ready. Returns false if `until` passes first.
fn wait_for(descriptor: impl AsFd, flags: PollFlags, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&descriptor, flags)], Some(&time)) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}
