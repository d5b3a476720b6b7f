//! The comparison of two recorded runs.

use netmon_compare::{
    comparison::{Comparison, Settings, Test, Unit, Verdict},
    series::Series,
};

use super::{
    style::{BAD, DIM, GOOD},
    table::table,
    units,
};

const COLUMNS: [(&str, bool); 8] = [
    ("VERDICT", false),
    ("FIGURE", false),
    ("PLACE", false),
    ("", false),
    ("OLD", true),
    ("NEW", true),
    ("CHANGE", true),
    ("INTERVAL", false),
];

/// Renders a comparison: what changed, or everything, and what that amounts to.
#[must_use]
pub fn text(comparison: &Comparison, with_all: bool) -> String {
    let mut text = String::new();
    let shown = |test: &&Test| with_all || is_change(test.verdict);
    let rows: Vec<_> = comparison.tests.iter().filter(shown).map(row).collect();
    if !rows.is_empty() {
        text.push_str(&format!("{}\n\n", table(COLUMNS, rows)));
    }
    text.push_str(&list("not observed any more", &comparison.gone));
    if with_all {
        text.push_str(&list("too few observations to compare", &comparison.untested));
    }
    for note in &comparison.notes {
        text.push_str(&format!("{DIM}note: {note}{DIM:#}\n"));
    }
    text + &summary(comparison)
}

fn is_change(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Regressed | Verdict::Improved)
}

fn list(what: &str, series: &[Series]) -> String {
    let line = |series: &Series| format!("{what}: {} at {}\n", series.figure.name(), series.place);
    series.iter().map(line).collect()
}

fn row(test: &Test) -> [String; 8] {
    [
        test.verdict.name().to_owned(),
        test.series.figure.name().to_owned(),
        test.series.place.to_string(),
        test.statistic.name().to_owned(),
        value(test.unit, test.old),
        value(test.unit, test.new),
        change(test.unit, test.change),
        format!("{} to {}", change(test.unit, test.change_low), change(test.unit, test.change_high)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are positive, and three digits are shown"
)]
fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ns => units::duration(value.round() as u64),
        Unit::Share => format!("{:.3} %", 100.0 * value),
        Unit::BytesPerSecond => units::bits_per_second(8.0 * value),
    }
}

/// Formats a change. An interval that is too wide to mean anything ends at a round number.
fn change(unit: Unit, change: f64) -> String {
    match unit {
        Unit::Share => format!("{:+.3}", 100.0 * change),
        _ if change > 9.99 => "> +999 %".to_owned(),
        _ => format!("{:+.1} %", 100.0 * change),
    }
}

/// Renders the last lines: what the comparison amounts to, and how sure that is.
fn summary(comparison: &Comparison) -> String {
    let count = |verdict: Verdict| comparison.tests.iter().filter(|test| test.verdict == verdict).count();
    let (regressed, improved) = (count(Verdict::Regressed), count(Verdict::Improved));
    let worse = regressed + comparison.gone.len();
    let verdict = match worse {
        0 => format!("{GOOD}no regression{GOOD:#}"),
        _ => format!("{BAD}{worse} regressed{BAD:#}"),
    };
    let compared = units::count((comparison.tests.len() + comparison.gone.len()) as u64);
    let better = if improved > 0 { format!(", {improved} improved") } else { String::new() };
    format!(
        "{verdict}{better}, of {compared} comparisons; {}\n{}",
        certainty(&comparison.settings),
        hint(comparison)
    )
}

fn certainty(settings: &Settings) -> String {
    let floor = value(Unit::Ns, settings.latency_floor_ns);
    format!(
        "{} % confidence for all together, bounds {} %, {floor} and {} points",
        short(100.0 * settings.confidence),
        short(100.0 * settings.bound),
        short(100.0 * settings.share_bound),
    )
}

/// Formats a number without the zeros at its end.
fn short(number: f64) -> String {
    format!("{number:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Says what to do about figures that might have regressed unseen. Quantiles are left out: they are as coarse as buckets.
fn hint(comparison: &Comparison) -> String {
    let is_open = |test: &&Test| test.verdict == Verdict::Undecided && test.statistic.quantile().is_none();
    let mut open: Vec<_> = comparison.tests.iter().filter(is_open).map(|test| &test.series).collect();
    open.dedup();
    match open.len() {
        0 => String::new(),
        open => format!(
            "{DIM}of {open} figures a regression within their interval is possible; --all shows them, and longer or more \
             recordings narrow it{DIM:#}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use netmon_compare::{
        comparison::Note,
        series::{End, Figure, Place},
        statistics::statistic::Statistic,
    };

    use super::{super::style::visible, *};

    fn end(netns: &str, interface: &str) -> End {
        End { netns: netns.parse().unwrap(), interface: interface.parse().unwrap() }
    }

    fn series(figure: Figure) -> Series {
        let link = "uplink".parse().unwrap();
        let place = match figure {
            Figure::TcpResponse => Place::End { link, at: end("web", "eth0") },
            _ => Place::Direction { link, from: end("root", "veth0"), to: end("web", "eth0") },
        };
        Series { place, figure }
    }

    fn test(figure: Figure, statistic: Statistic, values: [f64; 5], verdict: Verdict) -> Test {
        let [old, new, change, change_low, change_high] = values;
        let unit = match statistic {
            Statistic::Share => Unit::Share,
            Statistic::Rate => Unit::BytesPerSecond,
            _ => Unit::Ns,
        };
        let (series, samples) = (series(figure), [60, 60]);
        Test { series, statistic, unit, old, new, change, change_low, change_high, samples, verdict }
    }

    fn comparison() -> Comparison {
        let response = Figure::TcpResponse;
        let tests = vec![
            test(response, Statistic::Mean, [1e7, 1.1e7, 0.1, 0.081, 0.119], Verdict::Regressed),
            test(response, Statistic::P99, [1.2e7, 1.3e7, 0.08, -0.2, 12.0], Verdict::Undecided),
            test(
                Figure::LinkLoss,
                Statistic::Share,
                [0.0, 0.0004, 0.0004, -0.0001, 0.0012],
                Verdict::Undecided,
            ),
            test(Figure::Throughput, Statistic::Rate, [1.2e6, 1.5e6, 0.25, 0.2, 0.3], Verdict::Improved),
        ];
        let (gone, untested) = (vec![series(Figure::LinkLatency)], vec![series(Figure::IcmpRtt)]);
        let notes = vec![Note::LabFile, Note::CutOff { recordings: 1 }];
        Comparison { settings: Settings::default(), tests, gone, untested, notes }
    }

    #[test]
    fn only_what_changed_is_listed_with_its_interval() {
        insta::assert_snapshot!(visible(&text(&comparison(), false)));
    }

    #[test]
    fn everything_is_listed_on_request() {
        insta::assert_snapshot!(visible(&text(&comparison(), true)));
    }

    #[test]
    fn equal_runs_are_one_line() {
        let mut equal = comparison();
        equal.gone.clear();
        equal.notes.clear();
        equal.tests.retain(|test| test.statistic == Statistic::P99);
        insta::assert_snapshot!(visible(&text(&equal, false)));
    }
}
