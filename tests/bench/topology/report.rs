//! The tables, and the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Round, Size,
    reload::{self, Reload},
    watched::Watched,
};
use crate::figures::{Figure, conditions};

/// Maximum ratio of netmon's time to the reference's.
const REFERENCE_BOUND: f64 = 1.4;
/// Minimum ratios of the script's time, and of the time of a loop of `ip netns del`, to netmon's.
const SCRIPT_BOUND: f64 = 20.0;
const LOOP_BOUND: f64 = 3.0;
const ATTACH_BOUND_MS: f64 = 2000.0;
const SCRAPE_BOUND_MS: f64 = 150.0;
const MEMORY_BOUND_MIB: f64 = 64.0;

impl Size {
    fn figure(&self, of: impl Fn(&Round) -> f64) -> Figure {
        Figure::of(self.rounds.iter().map(of).collect())
    }

    fn up_ratio(&self) -> Figure {
        self.figure(|round| ratio(round.netmon_up, round.reference_up.total()))
    }

    fn processor_ratio(&self) -> Figure {
        self.figure(|round| ratio(round.netmon_up_processor, round.reference_up.processor))
    }

    fn down_ratio(&self) -> Figure {
        self.figure(|round| ratio(round.netmon_down, round.reference_down))
    }

    fn asking_ratio(&self) -> Figure {
        self.figure(|round| ratio(round.netmon_down, round.reference_down_asking))
    }

    /// Returns how many times faster netmon is than the loop, which does not even wait until the links are deleted.
    fn loop_ratio(&self) -> Figure {
        self.figure(|round| ratio(round.loop_down.returned, round.netmon_down))
    }

    fn script_ratio(&self) -> Option<Figure> {
        let script = self.script?;
        Some(self.figure(|round| ratio(script, round.netmon_up)))
    }

    fn rows(&self) -> Vec<(&'static str, Figure)> {
        let mut rows = vec![
            ("up: reference", self.figure(|round| ms(round.reference_up.total()))),
            ("    its namespaces, with names", self.figure(|round| ms(round.reference_up.namespaces))),
            ("    its veth pairs", self.figure(|round| ms(round.reference_up.links))),
            ("    its addresses, ups, routes", self.figure(|round| ms(round.reference_up.rest))),
            ("    processor time", self.figure(|round| ms(round.reference_up.processor))),
            ("up: netmon", self.figure(|round| ms(round.netmon_up))),
            ("    processor time", self.figure(|round| ms(round.netmon_up_processor))),
        ];
        rows.extend(self.script.map(|took| ("up: script of `ip`, once", Figure::of(vec![ms(took)]))));
        rows.extend([
            ("down: reference", self.figure(|round| ms(round.reference_down))),
            ("    that asks for the links", self.figure(|round| ms(round.reference_down_asking))),
            ("down: netmon", self.figure(|round| ms(round.netmon_down))),
            ("down: `ip netns del`, the loop", self.figure(|round| ms(round.loop_down.returned))),
            ("      until the links are gone", self.figure(|round| ms(round.loop_down.gone))),
        ]);
        rows
    }

    fn json(&self) -> Value {
        let rows: Value = self
            .rows()
            .into_iter()
            .map(|(what, figure)| json!({ "what": what.trim(), "ms": figure.json() }))
            .collect();
        json!({
            "namespaces": self.count,
            "rows": rows,
            "up_to_reference": self.up_ratio().json(),
            "up_processor_to_reference": self.processor_ratio().json(),
            "down_to_reference": self.down_ratio().json(),
            "down_to_asking_reference": self.asking_ratio().json(),
            "script_to_up": self.script_ratio().map(Figure::json),
            "loop_to_down": self.loop_ratio().json(),
        })
    }
}

/// Prints the table of one size. Called as soon as it is measured, since a later measurement may fail.
pub(super) fn print_size(size: &Size) {
    println!("{} namespaces, median of {} rounds (lowest to highest)", size.count, size.rounds.len());
    for (what, figure) in size.rows() {
        let each = figure.median * 1e3 / f64::from(size.count);
        println!("{what:<34} {figure:>28} ms {each:>9.0} us each");
    }
    println!(
        "{:<34} {:>28}    {}",
        "up: netmon / reference",
        two(size.up_ratio()),
        most(size.up_ratio(), REFERENCE_BOUND)
    );
    println!("{:<34} {:>28}", "    by processor time", two(size.processor_ratio()));
    if let Some(script) = size.script_ratio() {
        println!("{:<34} {:>28}    {}", "up: script / netmon", two(script), least(script, SCRIPT_BOUND));
    }
    let (down, by_loop) = (size.down_ratio(), size.loop_ratio());
    println!("{:<34} {:>28}    {}", "down: netmon / reference", two(down), most(down, REFERENCE_BOUND));
    println!("{:<34} {:>28}", "    to the one that asks", two(size.asking_ratio()));
    println!("{:<34} {:>28}    {}", "down: loop / netmon", two(by_loop), least(by_loop, LOOP_BOUND));
    println!();
}

/// Prints how the cost grows with the size, and the cost of watching.
pub(super) fn print(sizes: &[Size], watched: Option<&Watched>, reloads: &[Reload]) {
    growth(sizes);
    if let Some(watched) = watched {
        print_watched(watched);
        reload::print(reloads);
    }
    println!("{}", conditions());
}

/// A time of a round.
type Taken = fn(&Round) -> Duration;

/// Prints how the cost of one namespace grows with their number, beside the reference's.
fn growth(sizes: &[Size]) {
    let [first, .., last] = sizes else { return };
    let each =
        |size: &Size, of: Taken| size.figure(|round| ms(of(round)) * 1e3 / f64::from(size.count)).median;
    let pairs: [(&str, Taken, Taken); 3] = [
        ("up", |round| round.netmon_up, |round| round.reference_up.total()),
        ("down", |round| round.netmon_down, |round| round.reference_down),
        ("down, asking", |round| round.netmon_down, |round| round.reference_down_asking),
    ];
    for (what, netmon, reference) in pairs {
        let of = |by: Taken| each(last, by) / each(first, by);
        println!(
            "{what}: from {} to {} namespaces each takes {:.2} times as long by netmon, {:.2} by the reference",
            first.count,
            last.count,
            of(netmon),
            of(reference)
        );
    }
    println!();
}

fn print_watched(watched: &Watched) {
    let links = watched.links;
    println!("{links} links watched, {} hooks", 4 * links);
    let line = |what: &str, figure: &dyn std::fmt::Display, unit: &str, verdict: &str| {
        println!("{what:<34} {figure:>28} {unit:<4} {verdict}");
    };
    line("attaching", &watched.attach_ms, "ms", &most(watched.attach_ms, ATTACH_BOUND_MS));
    line("netmon run, until it is ready", &format!("{:.0}", watched.ready_ms), "ms", "");
    for (when, scrapes) in [("at rest", &watched.at_rest), ("after pings", &watched.pinged)] {
        let verdict = most(scrapes.took_ms, SCRAPE_BOUND_MS);
        line(&format!("/metrics {when}"), &scrapes.took_ms, "ms", &verdict);
        line("    its size", &format!("{:.1}", scrapes.mib), "MiB", "");
    }
    let memory = watched.own_mib + watched.program_mib;
    let verdict = most(Figure::of(vec![memory]), MEMORY_BOUND_MIB);
    line("the agent's memory", &format!("{memory:.1}"), "MiB", &verdict);
    line("    of which its program's file", &format!("{:.1}", watched.program_mib), "MiB", "");
    line("the maps beside it", &format!("{:.1}", watched.maps_mib), "MiB", "");
    println!();
}

pub(super) fn print_json(sizes: &[Size], watched: Option<&Watched>, reloads: &[Reload]) {
    let watched = watched.map(|watched| {
        json!({
            "links": watched.links,
            "attach_ms": watched.attach_ms.json(),
            "ready_ms": watched.ready_ms,
            "at_rest": watched.at_rest.json(),
            "pinged": watched.pinged.json(),
            "own_mib": watched.own_mib,
            "program_mib": watched.program_mib,
            "maps_mib": watched.maps_mib,
        })
    });
    let sizes: Vec<Value> = sizes.iter().map(Size::json).collect();
    let all = json!({
        "sizes": sizes,
        "watched": watched,
        "reloads": reload::json(reloads),
        "conditions": conditions(),
    });
    println!("{all:#}");
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

/// Formats a ratio with two decimals, which a ratio near 1 needs.
fn two(figure: Figure) -> String {
    format!("{:.2} ({:.2} to {:.2})", figure.median, figure.lowest, figure.highest)
}

fn most(figure: Figure, bound: f64) -> String {
    format!("at most {bound}: {}", if figure.median <= bound { "held" } else { "NOT held" })
}

fn least(figure: Figure, bound: f64) -> String {
    format!("at least {bound}: {}", if figure.median >= bound { "held" } else { "NOT held" })
}
