//! Where a packet was lost: the last hook that saw it, and what the kernel says of its end.

use netmon_ebpf::{drops::DECLARED_LOSS, trace::Event};
use netmon_model::trace::{Dropped, LastSeen, Loss, Outcome};

use super::{
    Observed, Traced,
    ladder::place,
    path::{Step, key},
};

/// Returns what is known of the runs that did not arrive. `None` if all arrived.
pub(super) fn of(observed: &Observed, runs: &[Traced<'_>]) -> Option<Loss> {
    let lost: Vec<&Traced<'_>> = runs.iter().filter(|run| run.attempt.outcome != Outcome::Arrived).collect();
    let run = lost.last()?;
    let way = run.events.as_far_as_seen();
    let start = way.first().map(|step| step.time_ns);
    let last = way.last();
    // A refusal is an answer: the packet was not lost.
    let dropped = (run.attempt.outcome != Outcome::Refused).then(|| drop_after(run, last)).flatten();
    Some(Loss {
        runs: lost.len(),
        last: last.map(|step| LastSeen {
            place: place(observed, step),
            leg: observed.leg(step),
            since_start_ns: step.time_ns - start.unwrap_or(step.time_ns),
        }),
        dropped: dropped.map(|event| report(observed, event, start)),
        error: run.attempt.error.clone(),
    })
}

/// Returns the drop that ended the way: in the namespace that saw the packet last if possible, and the earliest.
fn drop_after<'a>(run: &'a Traced<'_>, last: Option<&Step>) -> Option<&'a Event> {
    let later =
        |event: &&Event| last.is_none_or(|last| event.leg == last.leg && event.time_ns >= last.time_ns);
    let there = |event: &&Event| last.is_some_and(|last| event.netns == last.key.0);
    let mut drops = run.events.drops.iter().filter(later);
    drops.clone().find(there).or_else(|| drops.next())
}

fn report(observed: &Observed, event: &Event, start: Option<u64>) -> Dropped {
    let named = observed.reasons.get(&event.reason).cloned();
    let reason = match event.reason {
        DECLARED_LOSS => "NETMON_LOSS".to_owned(),
        number => named.unwrap_or_else(|| format!("REASON_{number}")),
    };
    Dropped {
        namespace: observed.places.namespaces.get(&event.netns).cloned(),
        interface: observed.places.interface(key(event)).map(str::to_owned),
        reason,
        since_start_ns: start.map(|start| event.time_ns.saturating_sub(start)),
    }
}
