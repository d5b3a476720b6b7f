//! The rungs: the way of most runs, with the times of the typical one and the spread over all.

use netmon_ebpf::trace::ANSWERED_BY_ERROR;
use netmon_model::{
    names::Direction,
    trace::{Asking, HookPlace, Outcome, Rung, Slowest, Times, Trace, What},
};

use super::{Observed, Traced, path::Step};

/// The runs that went the most usual way.
pub(super) struct Ladder<'a> {
    runs: &'a [Traced<'a>],
    /// The runs that are counted, by their index.
    counted: Vec<usize>,
    /// The one with the median total.
    typical: usize,
    way: &'a [Step],
}

impl<'a> Ladder<'a> {
    /// Chooses the way of most runs. Returns `None` if no run was seen there and back.
    ///
    /// The first run is counted only if there is no other.
    pub(super) fn of(runs: &'a [Traced<'a>]) -> Option<Self> {
        let seen =
            |index: &usize| runs[*index].way.is_some() && runs[*index].attempt.outcome != Outcome::Lost;
        let mut usable: Vec<usize> = (1..runs.len()).filter(seen).collect();
        if usable.is_empty() {
            usable = (0..runs.len().min(1)).filter(seen).collect();
        }
        let alike = |index: usize| usable.iter().filter(|other| same_way(runs, index, **other)).count();
        // Among paths that are equally common, that of the first run.
        let model = usable.iter().copied().rev().max_by_key(|index| alike(*index))?;
        let mut counted: Vec<usize> =
            usable.iter().copied().filter(|index| same_way(runs, model, *index)).collect();
        counted.sort_by_key(|index| runs[*index].total_ns());
        let typical = *counted.get((counted.len() - 1) / 2)?;
        Some(Self { runs, counted, typical, way: runs[typical].way.as_deref()? })
    }

    /// Writes everything about the ladder into `trace`.
    pub(super) fn draw(&self, observed: &Observed, trace: &mut Trace) {
        trace.rungs = (1..self.way.len()).map(|end| self.rung(observed, end)).collect();
        trace.typical_run = Some(self.typical);
        trace.total = Some(self.spread(|index| self.runs[index].total_ns().unwrap_or_default()));
        trace.asking = self.asking();
        trace.counted_runs = self.counted.len();
        let went = |run: &&Traced<'_>| run.way.is_some();
        let same = (0..self.runs.len()).filter(|index| same_way(self.runs, self.typical, *index)).count();
        trace.other_ways = self.runs.iter().filter(went).count() - same;
        trace.slowest = slowest(&trace.rungs);
        trace.to.namespace = self.answerer(observed);
        for (index, run) in trace.runs.iter_mut().enumerate() {
            run.took_ns = self.took(index);
        }
    }

    fn rung(&self, observed: &Observed, end: usize) -> Rung {
        let (from, to) = (&self.way[end - 1], &self.way[end]);
        let what = what(observed, from, to);
        let times = self.spread(|index| took(self.runs, index, end));
        Rung {
            leg: observed.leg(from),
            back: from.leg % 2 == 1,
            what,
            name: name(observed, what, from, to),
            from: place(observed, from),
            to: place(observed, to),
            since_start_ns: from.time_ns - self.way[0].time_ns,
            took_ns: times.typical_ns,
            median_ns: times.median_ns,
            worst_ns: times.worst_ns,
            first_ns: times.first_ns,
        }
    }

    /// Spreads a figure over the counted runs.
    fn spread(&self, of: impl Fn(usize) -> u64) -> Times {
        let mut all: Vec<u64> = self.counted.iter().map(|index| of(*index)).collect();
        all.sort_unstable();
        let is_apart = !self.counted.contains(&0) && same_way(self.runs, self.typical, 0);
        Times {
            typical_ns: of(self.typical),
            median_ns: all.get((all.len() - 1) / 2).copied().unwrap_or_default(),
            worst_ns: all.last().copied().unwrap_or_default(),
            first_ns: is_apart.then(|| of(0)),
        }
    }

    fn asking(&self) -> Option<Asking> {
        let attempt = self.runs[self.typical].attempt;
        Some(Asking {
            times: self.spread(|index| self.runs[index].asking_ns()),
            before_ns: self.way.first()?.time_ns.saturating_sub(attempt.started_ns),
            after_ns: attempt.ended_ns.saturating_sub(self.way.last()?.time_ns),
        })
    }

    /// Returns the durations of a run's rungs. `None` if it went another way.
    fn took(&self, index: usize) -> Option<Vec<u64>> {
        let same = same_way(self.runs, self.typical, index);
        same.then(|| (1..self.way.len()).map(|end| took(self.runs, index, end)).collect())
    }

    /// Returns the namespace that answers. An error may come from anywhere.
    fn answerer(&self, observed: &Observed) -> Option<String> {
        let answer = self.way.iter().find(|step| step.leg == 1 && step.answer != ANSWERED_BY_ERROR)?;
        Some(observed.places.namespace(answer.key))
    }
}

fn took(runs: &[Traced<'_>], index: usize, end: usize) -> u64 {
    let way = runs[index].way.as_deref().unwrap_or_default();
    match (way.get(end - 1), way.get(end)) {
        (Some(from), Some(to)) => to.time_ns - from.time_ns,
        _ => 0,
    }
}

fn same_way(runs: &[Traced<'_>], one: usize, other: usize) -> bool {
    let (Some(Some(one)), Some(Some(other))) =
        (runs.get(one).map(|run| &run.way), runs.get(other).map(|run| &run.way))
    else {
        return false;
    };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
}

fn what(observed: &Observed, from: &Step, to: &Step) -> What {
    let same_namespace = from.key.0 == to.key.0;
    match (from.arrives, to.arrives, to.leg - from.leg) {
        (false, true, 0) if observed.places.are_peers((from.key, to.key)) => What::Link,
        (true, false, 0) if same_namespace => What::Namespace,
        (true, false, 1) if same_namespace && from.leg % 2 == 1 => What::Asking,
        (true, false, 1) if same_namespace => What::Application,
        _ => What::Unseen,
    }
}

fn name(observed: &Observed, what: What, from: &Step, to: &Step) -> String {
    let hook = |step: &Step| {
        let HookPlace { namespace, interface, .. } = place(observed, step);
        format!("{namespace}:{interface}")
    };
    match what {
        What::Link => observed.places.link(from.key, to.key),
        What::Unseen => format!("{} to {}", hook(from), hook(to)),
        What::Namespace | What::Application | What::Asking => observed.places.namespace(from.key),
    }
}

/// Returns the hook of a step.
pub(super) fn place(observed: &Observed, step: &Step) -> HookPlace {
    let hook = if step.arrives { Direction::Ingress } else { Direction::Egress };
    observed.places.hook(step.key, hook)
}

/// Returns what takes longest in the typical run, with both directions together.
fn slowest(rungs: &[Rung]) -> Option<Slowest> {
    let part = |rung: &Rung| {
        let same = |other: &&Rung| (other.what, &other.name) == (rung.what, &rung.name);
        let sum = |back: bool| {
            let of_way = rungs.iter().filter(same).filter(|other| other.back == back);
            of_way.map(|other| other.took_ns).sum::<u64>()
        };
        let (forward_ns, return_ns) = (sum(false), sum(true));
        Slowest {
            what: rung.what,
            name: rung.name.clone(),
            took_ns: forward_ns + return_ns,
            forward_ns,
            return_ns,
            of_ns: rungs.iter().map(|rung| rung.took_ns).sum(),
        }
    };
    rungs.iter().map(part).max_by_key(|part| part.took_ns)
}
