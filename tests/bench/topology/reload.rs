//! A reload that adds one link: what the agent does after the plan, in a small lab and in a large one.
//!
//! Only the plan, which reads the host, may depend on the size of the lab. All work after it (inventory, attaching,
//! interfaces, audit) must depend on the change alone. The agent logs how long each part took.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, bail};
use netmon_tests::{agent::Agent, eventually::eventually, sandbox::run as program};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::subject::Subject;
use crate::figures::Figure;

/// The small lab.
const FEW: u32 = 10;
/// How many times as long the large lab may take.
const BOUND: f64 = 5.0;
/// A single reload varies too much, and a few more take little time.
const LEAST_ROUNDS: u32 = 7;
/// A link that no star has.
const ONE_MORE: &str = r#"
[[namespace]]
name = "one_more"

[[link]]
a = { namespace = "root", interface = "onemore0", addresses = ["192.168.250.1/30"] }
b = { namespace = "one_more", interface = "eth0", addresses = ["192.168.250.2/30"] }
"#;
/// How long an agent may take to log that a change is done.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one size took, milliseconds.
pub(super) struct Reload {
    links: u32,
    plan: Figure,
    apply: Figure,
    /// What the agent does after the plan, beside the topology itself.
    watch: Figure,
}

/// Measures a small lab and one of `links` links; each round adds one more and removes it.
pub(super) fn measure(links: u32, rounds: u32) -> Result<Vec<Reload>> {
    [FEW, links].into_iter().map(|links| of_size(links, rounds)).collect()
}

fn of_size(links: u32, rounds: u32) -> Result<Reload> {
    eprintln!("netmon-bench: a link more than {links}");
    let subject = Subject::of(links)?;
    let without = fs::read_to_string(subject.file())?;
    let log = format!("/run/sandbox/reload-{links}.log");
    // The same for both sizes: by default a large lab is attached otherwise than a small one.
    let agent = Agent::start_with_log(Path::new(&log), &["--attach", "clsact", subject.file()]);
    let (mut plan, mut apply, mut watch) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(LEAST_ROUNDS) {
        let took = change(&subject, &log, &(without.clone() + ONE_MORE))?;
        plan.push(took[0]);
        apply.push(took[1]);
        watch.push(took[2]);
        change(&subject, &log, &without)?;
    }
    let (status, _) = agent.end(Signal::INT);
    if !status.success() {
        bail!("netmon run ended with {status}");
    }
    Ok(Reload { links, plan: Figure::of(plan), apply: Figure::of(apply), watch: Figure::of(watch) })
}

/// Has the agent change the lab. Returns how long it planned, applied and watched.
fn change(subject: &Subject, log: &str, file: &str) -> Result<[f64; 3]> {
    let changes =
        || -> Result<Vec<[f64; 3]>> { Ok(fs::read_to_string(log)?.lines().filter_map(took).collect()) };
    let before = changes()?.len();
    fs::write(subject.file(), file)?;
    program(&netmon_tests::binary::netmon().to_string_lossy(), &["reload", subject.file()]);
    let logged = || changes().ok()?.get(before).copied();
    Ok(eventually("the agent logs the change", PATIENCE, logged))
}

/// From `...: planned in 1.2 ms, applied in 30.1 ms, watched in 3.4 ms`.
fn took(line: &str) -> Option<[f64; 3]> {
    let (_, rest) = line.split_once("planned in ")?;
    let mut parts = rest.split(", ").map(|part| {
        let (_, text) = part.rsplit_once("in ").unwrap_or(("", part));
        text.strip_suffix(" ms")?.parse::<f64>().ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Prints a row a size, and the ratio.
pub(super) fn print(reloads: &[Reload]) {
    println!("\nA reload that adds one link, ms (median)");
    println!("{:>8} {:>12} {:>12} {:>12} {:>12}", "links", "plan", "apply", "watch", "total");
    for Reload { links, plan, apply, watch } in reloads {
        let total = plan.median + apply.median + watch.median;
        println!(
            "{links:>8} {:>12.2} {:>12.2} {:>12.2} {total:>12.2}",
            plan.median, apply.median, watch.median
        );
    }
    if let [small, large] = reloads {
        let ratio = large.watch.median / small.watch.median;
        let verdict = if ratio <= BOUND { "held" } else { "NOT held" };
        println!(
            "watch: {ratio:.2} times as long with {} links as with {FEW}; at most {BOUND}: {verdict}",
            large.links
        );
    }
}

/// The same for programs.
pub(super) fn json(reloads: &[Reload]) -> Value {
    let one = |Reload { links, plan, apply, watch }: &Reload| json!({ "links": links, "plan_ms": plan.median, "apply_ms": apply.median, "watch_ms": watch.median });
    reloads.iter().map(one).collect()
}

/// If the agent changed its log line, the benchmark would wait until it times out.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_read_from_the_agents_log() {
        let line = "[INFO netmon::agent] lab star now matches star.toml: planned in 1.25 ms, applied in 30.10 ms, \
                    watched in 3.40 ms";
        assert_eq!(took(line), Some([1.25, 30.1, 3.4]));
        assert_eq!(took("lab star stays as it was"), None);
    }
}
