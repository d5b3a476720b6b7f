//! A trace for people: the ladder of its rungs in order of time, the sum below it, and what it means.

mod ladder;
pub mod perfetto;

use netmon_model::trace::{Trace, TraceTraffic, What};

use super::{
    style::{BOLD, DIM},
    terminal::Terminal,
    units::duration,
};

/// Renders a trace.
#[must_use]
pub fn text(trace: &Trace, terminal: Terminal) -> String {
    let mut parts = vec![title(trace)];
    if !trace.rungs.is_empty() {
        parts.push(ladder::draw(trace, terminal));
        parts.push(sums(trace));
    }
    parts.push(trace.sentences.join("\n"));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn title(trace: &Trace) -> String {
    let what = match trace.traffic {
        TraceTraffic::Icmp => "ICMP echo",
        TraceTraffic::Tcp => "TCP connection",
        TraceTraffic::Http => "HTTP request",
    };
    let address = match trace.to.port {
        Some(port) => std::net::SocketAddr::new(trace.to.address, port).to_string(),
        None => trace.to.address.to_string(),
    };
    let to = trace.to.namespace.as_ref().filter(|name| **name != address);
    let to = to.map_or_else(|| address.clone(), |name| format!("{name} ({address})"));
    let from = &trace.from.namespace;
    let (arrived, sent) = (trace.arrived, trace.sent);
    format!("{BOLD}{what} from {from} to {to}{BOLD:#}: {arrived} of {sent} answered")
}

/// The kinds of rungs, in the order of the sum, with their names there.
const KINDS: [(What, &str); 5] = [
    (What::Link, "links"),
    (What::Namespace, "namespaces"),
    (What::Application, "answers"),
    (What::Asking, "asking"),
    (What::Unseen, "not seen"),
];

/// Renders the rungs as a sum, and what the asking program measured.
fn sums(trace: &Trace) -> String {
    let part = |(what, name): (What, &str)| {
        let of_kind = trace.rungs.iter().filter(|rung| rung.what == what);
        let sum: u64 = of_kind.clone().map(|rung| rung.took_ns).sum();
        (of_kind.count() > 0).then(|| format!("{name} {}", duration(sum)))
    };
    let parts: Vec<String> = KINDS.into_iter().filter_map(part).collect();
    let total = trace.total.map_or(0, |total| total.typical_ns);
    let equation = format!("{} = {}", parts.join(" + "), duration(total));
    let asked = trace.asking.map(|asking| {
        format!(
            "\n{DIM}the program itself measured {}: {} before the first hook, {} after the last{DIM:#}",
            duration(asking.times.typical_ns),
            duration(asking.before_ns),
            duration(asking.after_ns)
        )
    });
    equation + &asked.unwrap_or_default()
}

#[cfg(test)]
mod tests;
