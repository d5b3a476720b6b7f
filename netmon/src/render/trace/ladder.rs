//! The ladder: one line a rung, with a bar that begins when the rung began and is as long as it took.

use netmon_model::trace::{HookPlace, Rung, Trace, TraceTraffic, What};
use unicode_width::UnicodeWidthStr as _;

use crate::render::{
    style::{BOLD, DIM},
    terminal::{Charset, Terminal},
    units::duration,
};

/// The width of a duration: "999 µs" and two spaces in front.
const TIME: usize = 9;
/// The columns of durations: start, took, median, worst.
const TIMES: usize = 4;
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

/// Draws the ladder.
pub(super) fn draw(trace: &Trace, terminal: Terminal) -> String {
    let glyphs = Glyphs::of(terminal.charset);
    let wide = terminal.columns >= WIDE;
    let legs: Vec<&str> = trace.rungs.iter().map(leg).collect();
    let names: Vec<String> = trace.rungs.iter().map(|rung| name(trace, rung, wide, &glyphs)).collect();
    let leg_width = width(legs.iter().copied()).max(3);
    let name_width = width(names.iter().map(String::as_str)).max(4);
    let used = leg_width + 2 + name_width + TIMES * TIME + 2;
    let bar_width = terminal.columns.saturating_sub(used).clamp(BAR[0], BAR[1]);
    let worst = trace.rungs.iter().map(|rung| rung.took_ns).max();
    let mut lines = vec![heading(leg_width, name_width, bar_width)];
    let mut before = "";
    for ((rung, leg), name) in trace.rungs.iter().zip(&legs).zip(&names) {
        let shown = if *leg == before { "" } else { leg };
        before = leg;
        let bar = bar(rung, trace, bar_width, &glyphs);
        let text = format!(
            "{}  {}{}  {}{}",
            pad(shown, leg_width),
            pad(name, name_width),
            times([rung.since_start_ns, rung.took_ns]),
            pad(&bar, bar_width),
            times([rung.median_ns, rung.worst_ns])
        );
        let is_worst = Some(rung.took_ns) == worst;
        lines.push(if is_worst { format!("{BOLD}{text}{BOLD:#}") } else { text });
    }
    lines.extend(total(trace, leg_width, name_width, bar_width));
    lines.join("\n")
}

fn heading(leg_width: usize, name_width: usize, bar_width: usize) -> String {
    let [start, took, median, worst] =
        ["START", "TOOK", "MEDIAN", "WORST"].map(|text| format!("{text:>TIME$}"));
    let (leg, name) = (pad("LEG", leg_width), pad("RUNG", name_width));
    format!("{DIM}{leg}  {name}{start}{took}  {}{median}{worst}{DIM:#}", " ".repeat(bar_width))
}

/// The last line: from the first hook to the last.
fn total(trace: &Trace, leg_width: usize, name_width: usize, bar_width: usize) -> Option<String> {
    let total = trace.total?;
    let label = pad("first hook to last", leg_width + 2 + name_width);
    let took = times([total.typical_ns]);
    let rest = times([total.median_ns, total.worst_ns]);
    Some(format!("{DIM}{label}{}{took}  {}{rest}{DIM:#}", " ".repeat(TIME), " ".repeat(bar_width)))
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

/// Draws when a rung was, on a line that is the whole way.
fn bar(rung: &Rung, trace: &Trace, columns: usize, glyphs: &Glyphs) -> String {
    let total = trace.total.map_or(1, |total| total.typical_ns.max(1));
    let cell = |ns: u64| (u128::from(ns) * columns as u128 / u128::from(total)) as usize;
    let begin = cell(rung.since_start_ns).min(columns - 1);
    let end = cell(rung.since_start_ns + rung.took_ns).min(columns);
    let mark = if end > begin { glyphs.full.repeat(end - begin) } else { glyphs.thin.to_owned() };
    " ".repeat(begin) + &mark
}

fn times<const N: usize>(times: [u64; N]) -> String {
    times.map(|ns| format!("{:>TIME$}", duration(ns))).concat()
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.width()).max().unwrap_or_default()
}

/// Pads a text with spaces to a width of characters on the screen.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
