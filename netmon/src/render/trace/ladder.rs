//! The ladder: one line a rung, with a bar that begins when the rung began and is as long as it took.

use netmon_model::trace::{HookPlace, Rung, Trace, TraceTraffic, What};
use unicode_width::UnicodeWidthStr;

use crate::render::{
    style::{BOLD, DIM},
    terminal::{Charset, Terminal},
    units::duration,
};

/// The width of a duration: "999 µs" and two spaces in front.
const TIME: usize = 9;
/// The narrowest and widest bars.
const BAR: [usize; 2] = [10, 40];
/// From this width on, the rungs name interfaces.
const WIDE: usize = 110;

/// The glyphs of one charset.
struct Glyphs {
    full: &'static str,
    thin: &'static str,
    arrow: &'static str,
}

impl Glyphs {
    fn of(charset: Charset) -> Self {
        match charset {
            Charset::Utf8 => Self { full: "█", thin: "▏", arrow: "→" },
            Charset::Ascii => Self { full: "#", thin: "|", arrow: "->" },
        }
    }
}

/// The widths of the columns.
#[derive(Clone, Copy)]
struct Widths {
    leg: usize,
    name: usize,
    bar: usize,
    /// Whether there are columns of median and worst: not of a single run.
    spread: bool,
}

impl Widths {
    fn new(trace: &Trace, terminal: Terminal, legs: &[&str], names: &[String]) -> Self {
        let spread = trace.counted_runs > 1;
        let leg = width(legs.iter().copied()).max("LEG".len());
        let name = width(names.iter().map(String::as_str)).max("RUNG".len());
        let times = if spread { 4 } else { 2 };
        let used = leg + 2 + name + times * TIME + 2;
        Self { leg, name, bar: terminal.columns.saturating_sub(used).clamp(BAR[0], BAR[1]), spread }
    }

    /// Joins the cells of a line.
    fn line(self, leg: &str, name: &str, times: [String; 2], bar: &str, spread: [String; 2]) -> String {
        let right = |texts: [String; 2]| texts.map(|text| format!("{text:>TIME$}")).concat();
        let spread = if self.spread { right(spread) } else { String::new() };
        let line = format!(
            "{}  {}{}  {}{spread}",
            pad(leg, self.leg),
            pad(name, self.name),
            right(times),
            pad(bar, self.bar)
        );
        line.trim_end().to_owned()
    }
}

/// Draws the ladder.
pub(super) fn draw(trace: &Trace, terminal: Terminal) -> String {
    let glyphs = Glyphs::of(terminal.charset);
    let wide = terminal.columns >= WIDE;
    let legs: Vec<&str> = trace.rungs.iter().map(leg).collect();
    let names: Vec<String> = trace.rungs.iter().map(|rung| name(trace, rung, wide, &glyphs)).collect();
    let widths = Widths::new(trace, terminal, &legs, &names);
    let worst = trace.rungs.iter().map(|rung| rung.took_ns).max();
    let mut lines = vec![heading(widths)];
    let mut before = "";
    for ((rung, leg), name) in trace.rungs.iter().zip(&legs).zip(&names) {
        let shown = if *leg == before { "" } else { leg };
        before = leg;
        let times = [rung.since_start_ns, rung.took_ns].map(duration);
        let spread = [rung.median_ns, rung.worst_ns].map(duration);
        let text = widths.line(shown, name, times, &bar(rung, trace, widths.bar, &glyphs), spread);
        let is_worst = Some(rung.took_ns) == worst;
        lines.push(if is_worst { format!("{BOLD}{text}{BOLD:#}") } else { text });
    }
    lines.extend(total(trace, widths));
    lines.join("\n")
}

fn heading(widths: Widths) -> String {
    let words = |words: [&str; 2]| words.map(str::to_owned);
    let line = widths.line("LEG", "RUNG", words(["START", "TOOK"]), "", words(["MEDIAN", "WORST"]));
    format!("{DIM}{line}{DIM:#}")
}

/// The last line: from the first hook to the last.
fn total(trace: &Trace, widths: Widths) -> Option<String> {
    let total = trace.total?;
    let times = [String::new(), duration(total.typical_ns)];
    let spread = [total.median_ns, total.worst_ns].map(duration);
    // The label has the width of leg and name together.
    let label = Widths { leg: widths.leg + widths.name, name: 0, ..widths };
    let line = label.line("first hook to last", "", times, "", spread);
    Some(format!("{DIM}{line}{DIM:#}"))
}

fn leg(rung: &Rung) -> &'static str {
    match rung.what {
        // They are between two legs.
        What::Application | What::Asking => "",
        _ => rung.leg.as_str(),
    }
}

fn name(trace: &Trace, rung: &Rung, wide: bool, glyphs: &Glyphs) -> String {
    let HookPlace { namespace, .. } = &rung.from;
    let end = |place: &HookPlace| match wide {
        true => format!("{}:{}", place.namespace, place.interface),
        false => place.namespace.clone(),
    };
    let between = || format!("{} {} {}", end(&rung.from), glyphs.arrow, end(&rung.to));
    safe(&match rung.what {
        What::Link => between(),
        What::Unseen => format!("? {}", between()),
        What::Namespace => format!("in {namespace}"),
        What::Application if trace.traffic == TraceTraffic::Icmp || rung.leg.as_str() == "SYN" => {
            format!("{namespace} answers")
        }
        What::Application => format!("{namespace} works"),
        What::Asking => format!("{namespace} asks"),
    })
}

/// Replaces control characters, which a name from outside may contain.
fn safe(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Draws the time span of a rung, on a line that stands for the time from the first hook to the last.
fn bar(rung: &Rung, trace: &Trace, columns: usize, glyphs: &Glyphs) -> String {
    let total = trace.total.map_or(1, |total| total.typical_ns.max(1));
    let cell = |ns: u64| (u128::from(ns) * columns as u128 / u128::from(total)) as usize;
    let begin = cell(rung.since_start_ns).min(columns - 1);
    let end = cell(rung.since_start_ns + rung.took_ns).min(columns);
    let mark = if end > begin { glyphs.full.repeat(end - begin) } else { glyphs.thin.to_owned() };
    " ".repeat(begin) + &mark
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(UnicodeWidthStr::width).max().unwrap_or_default()
}

/// Pads a text with spaces to a width of characters on the screen.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
