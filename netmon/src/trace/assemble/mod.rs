//! From events and attempts to a trace, as a pure function.

mod ladder;
mod loss;
mod path;
mod place;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;

use netmon_ebpf::trace::{ANSWERED_BY_ERROR, ANSWERED_BY_RESET, Event, LEG_ANSWER, LEG_DATA_ANSWER};
use netmon_model::trace::{Destination, Leg, Outcome, Run, Sender, Trace, TraceTraffic, VERSION};

use self::path::{Events, Step};
pub(super) use self::place::{Interface, Places};

/// One run, as the asking program saw it. Times are of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// When it was begun.
    pub(super) started_ns: u64,
    /// When it ended.
    pub(super) ended_ns: u64,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// What the program was told. `None` if the answer came, or nothing.
    pub(super) error: Option<String>,
}

/// Everything that was seen and done.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    /// The names of namespaces, interfaces and links.
    pub(super) places: Places,
    /// The names of the kernel's drop reasons.
    pub(super) reasons: HashMap<u32, String>,
    /// What was sent.
    pub(super) traffic: TraceTraffic,
    /// The sender.
    pub(super) from: Sender,
    /// The cookie of the sender's namespace.
    pub(super) sender: u64,
    /// The destination.
    pub(super) to: Destination,
    /// When the first run began, in milliseconds since 1970.
    pub(super) taken_at_unix_ms: u64,
    /// The runs.
    pub(super) attempts: Vec<Attempt>,
    /// The events of all runs.
    pub(super) events: Vec<Event>,
    /// Number of events that did not fit in the ring buffer.
    pub(super) missed: u64,
}

/// One run with its way.
struct Traced<'a> {
    attempt: &'a Attempt,
    events: Events<'a>,
    /// The way there and back. `None` if it was not seen there and back.
    way: Option<Vec<Step>>,
}

impl Traced<'_> {
    /// Returns the time from the first hook to the last.
    fn total_ns(&self) -> Option<u64> {
        let way = self.way.as_ref()?;
        Some(way.last()?.time_ns - way.first()?.time_ns)
    }

    /// Returns the time from the beginning to the first hook.
    fn before_ns(&self) -> Option<u64> {
        Some(self.way.as_ref()?.first()?.time_ns.saturating_sub(self.attempt.started_ns))
    }

    fn asking_ns(&self) -> u64 {
        self.attempt.ended_ns - self.attempt.started_ns
    }
}

impl Observed {
    fn last_leg(&self) -> u8 {
        if self.traffic == TraceTraffic::Http { LEG_DATA_ANSWER } else { LEG_ANSWER }
    }

    fn leg(&self, step: &Step) -> Leg {
        match (self.traffic, step.leg, step.answer) {
            (_, _, ANSWERED_BY_ERROR) => Leg::Error,
            (_, _, ANSWERED_BY_RESET) => Leg::Reset,
            (TraceTraffic::Icmp, 0, _) => Leg::Request,
            (TraceTraffic::Icmp, ..) => Leg::Reply,
            (_, 0, _) => Leg::Syn,
            (_, 1, _) => Leg::SynAck,
            (_, 2, _) => Leg::Request,
            _ => Leg::Response,
        }
    }

    fn traced(&self) -> Vec<Traced<'_>> {
        let mut by_run: HashMap<u32, Vec<Event>> = HashMap::new();
        for event in &self.events {
            by_run.entry(event.run).or_default().push(*event);
        }
        let trace = |(number, attempt): (usize, _)| {
            let of_run = by_run.remove(&(number as u32)).unwrap_or_default();
            let events = Events::new(&self.places, self.sender, &of_run, self.last_leg());
            let way = events.there_and_back(self.last_leg());
            Traced { attempt, events, way }
        };
        self.attempts.iter().enumerate().map(trace).collect()
    }
}

/// Makes a trace of what was seen and done.
pub(super) fn assemble(observed: &Observed) -> Trace {
    let traced = observed.traced();
    let start = observed.attempts.first().map_or(0, |attempt| attempt.started_ns);
    let mut trace = empty(observed);
    if let Some(ladder) = ladder::Ladder::of(&traced) {
        ladder.draw(observed, &mut trace);
    }
    trace.runs.iter_mut().zip(&traced).for_each(|(run, traced)| {
        run.started_ns = traced.attempt.started_ns - start;
        run.total_ns = traced.total_ns();
        run.before_ns = traced.before_ns();
    });
    trace.copies = traced.iter().map(beside).sum();
    trace.loss = loss::of(observed, &traced);
    trace.sentences = words::of(&trace);
    trace
}

/// Returns how many events of a run that arrived are not on its way.
fn beside(run: &Traced<'_>) -> usize {
    run.way.as_ref().map_or(0, |way| run.events.count().saturating_sub(way.len()))
}

fn empty(observed: &Observed) -> Trace {
    let answered = |attempt: &&Attempt| attempt.outcome == Outcome::Arrived;
    let run = |attempt: &Attempt| {
        let heard = matches!(attempt.outcome, Outcome::Arrived | Outcome::Refused);
        Run {
            outcome: attempt.outcome,
            error: attempt.error.clone(),
            started_ns: 0,
            asking_ns: heard.then(|| attempt.ended_ns - attempt.started_ns),
            before_ns: None,
            total_ns: None,
            took_ns: None,
        }
    };
    Trace {
        version: VERSION,
        taken_at_unix_ms: observed.taken_at_unix_ms,
        traffic: observed.traffic,
        from: observed.from.clone(),
        to: observed.to.clone(),
        sent: observed.attempts.len(),
        arrived: observed.attempts.iter().filter(answered).count(),
        rungs: Vec::new(),
        typical_run: None,
        total: None,
        asking: None,
        counted_runs: 0,
        other_ways: 0,
        copies: 0,
        missed_events: observed.missed,
        slowest: None,
        loss: None,
        sentences: Vec::new(),
        runs: observed.attempts.iter().map(run).collect(),
    }
}
