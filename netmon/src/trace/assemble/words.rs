//! The outcome in sentences.

use netmon_model::trace::{Dropped, Loss, Outcome, Slowest, Trace, TraceTraffic, What};

use crate::render::units::duration as time;

/// What the most common reasons mean.
const REASONS: [(&str, &str); 14] = [
    ("NETFILTER_DROP", "a rule of nftables or iptables"),
    ("NETMON_LOSS", "a loss that netmon was told to make"),
    ("TC_EGRESS", "a filter or program at the egress hook"),
    ("TC_INGRESS", "a filter or program at the ingress hook"),
    ("QDISC_DROP", "a queueing discipline, such as a loss of netem or a full queue"),
    ("IP_INNOROUTES", "no route to the destination"),
    ("IP_OUTNOROUTES", "no route to the destination"),
    ("IP_RPFILTER", "the reverse path filter"),
    ("NEIGH_FAILED", "the next hop does not answer"),
    ("NEIGH_QUEUEFULL", "too many packets wait for the next hop's address"),
    ("NO_SOCKET", "no program listens"),
    ("OTHERHOST", "it is for another link-layer address"),
    ("PKT_TOO_BIG", "it is larger than the MTU"),
    ("DEV_READY", "the interface is down"),
];

/// Returns the sentences about a trace.
pub(super) fn of(trace: &Trace) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(trace.slowest.as_ref().map(|part| slowest(trace, part)));
    sentences.extend(first(trace));
    sentences.extend(trace.loss.as_ref().map(|loss| lost(trace, loss)));
    sentences.extend(gap(trace));
    sentences.extend(remarks(trace));
    sentences
}

fn slowest(trace: &Trace, part: &Slowest) -> String {
    let what = match part.what {
        What::Link => format!("link {}", part.name),
        What::Namespace => format!("the inside of namespace {}", part.name),
        What::Application if trace.traffic == TraceTraffic::Icmp => {
            format!("the answer of namespace {}", part.name)
        }
        What::Application => format!("the program that answers in namespace {}", part.name),
        What::Asking => "the asking program".to_owned(),
        What::Unseen => format!("what no hook saw, from {}", part.name),
    };
    let both =
        part.forward_ns > 0 && part.return_ns > 0 && !matches!(part.what, What::Application | What::Asking);
    let ways = match both {
        true => format!(", {} there and {} back", time(part.forward_ns), time(part.return_ns)),
        false => String::new(),
    };
    format!("The slowest part is {what}: {} of {}{ways}.", time(part.took_ns), time(part.of_ns))
}

fn first(trace: &Trace) -> Option<String> {
    let total = trace.total?;
    let first = total.first_ns?;
    let took = time(first);
    Some(if first > 2 * total.median_ns {
        format!(
            "The first run took {took}: it pays for neighbour discovery and cold caches, and is not counted."
        )
    } else {
        format!("The first run took {took}, and is not counted.")
    })
}

fn lost(trace: &Trace, loss: &Loss) -> String {
    let last = trace.runs.iter().rev().find(|run| run.outcome != Outcome::Arrived);
    let error = loss.error.as_deref().unwrap_or("no reason was given");
    match last.map_or(Outcome::Lost, |run| run.outcome) {
        Outcome::Refused => {
            let answerer = trace.rungs.iter().find(|rung| rung.what == What::Application);
            let by = answerer.map_or(String::new(), |rung| format!(" by namespace {}", rung.name));
            format!("{}{by}: {error}.", counted(trace, loss, "was refused", "were refused"))
        }
        Outcome::Failed => {
            let what = counted(trace, loss, "could not be sent", "could not be sent");
            let dropped = loss.dropped.as_ref().map(dropped_in_words);
            format!("{what}: {error}.{}", dropped.unwrap_or_default())
        }
        _ => {
            let what = counted(trace, loss, NOT_ARRIVED, NOT_ARRIVED);
            format!("{what}.{}{}", last_seen(loss), end(loss))
        }
    }
}

const NOT_ARRIVED: &str = "did not arrive";

/// How many runs did what: "It did not arrive", "All 10 were refused", "1 of 10 was refused".
fn counted(trace: &Trace, loss: &Loss, one: &str, more: &str) -> String {
    match (loss.runs, trace.sent) {
        (1, 1) => format!("It {one}"),
        (1, sent) => format!("1 of {sent} {one}"),
        (lost, sent) if lost == sent && more == NOT_ARRIVED => format!("None of {sent} arrived"),
        (lost, sent) if lost == sent => format!("All {sent} {more}"),
        (lost, sent) => format!("{lost} of {sent} {more}"),
    }
}

fn last_seen(loss: &Loss) -> String {
    let Some(last) = &loss.last else { return " No hook saw it.".to_owned() };
    format!(
        " The {} was last seen at {} of {}:{}, {} after the start.",
        last.leg.as_str(),
        last.place.hook.as_str(),
        last.place.namespace,
        last.place.interface,
        time(last.since_start_ns)
    )
}

fn end(loss: &Loss) -> String {
    match &loss.dropped {
        Some(dropped) => dropped_in_words(dropped),
        None => " The kernel reported no drop meanwhile: a program has it, or it still waits.".to_owned(),
    }
}

fn dropped_in_words(dropped: &Dropped) -> String {
    let place = match (&dropped.namespace, &dropped.interface) {
        (Some(namespace), Some(interface)) => format!("in {namespace} (on {interface})"),
        (Some(namespace), None) => format!("in {namespace}"),
        (None, _) => "in a namespace without a name".to_owned(),
    };
    let meaning = REASONS.iter().find(|(name, _)| *name == dropped.reason);
    let meaning = meaning.map_or(String::new(), |(_, meaning)| format!(", {meaning}"));
    format!(" The kernel dropped it {place}: {}{meaning}.", dropped.reason)
}

fn gap(trace: &Trace) -> Option<String> {
    let rung = trace.rungs.iter().find(|rung| rung.what == What::Unseen)?;
    Some(format!(
        "No hook saw it from {}: a tunnel, a redirect or an interface that is no veth lies between.",
        rung.name
    ))
}

fn remarks(trace: &Trace) -> Vec<String> {
    let mut remarks = Vec::new();
    if trace.rungs.is_empty() && trace.arrived > 0 {
        remarks.push(
            "Answers arrived, and no hook saw them there and back: the way crosses no veth interface of a named \
             namespace."
                .to_owned(),
        );
    }
    if trace.other_ways > 0 {
        remarks.push(format!("{} more went another way, and are not counted.", runs(trace.other_ways)));
    }
    if trace.missed_events > 0 {
        remarks.push(format!("{} events found no room: the ladder may have gaps.", trace.missed_events));
    }
    remarks
}

fn runs(number: usize) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{number} runs") }
}
