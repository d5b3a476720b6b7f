//! The scorecard for people.

use crate::{
    render::{
        table::table,
        units::{NONE, count, duration},
    },
    selftest::{Row, Scorecard, scorecard::Unit},
};

pub(super) fn text(scorecard: &Scorecard) -> String {
    let columns = [
        ("MEASURE", false),
        ("EXPECTED", true),
        ("MEASURED", true),
        ("ERROR", true),
        ("ALLOWED", true),
        ("SAMPLES", true),
        ("", false),
    ];
    let wrong = scorecard.rows.iter().filter(|row| !row.within_bounds).count();
    let verdict = match wrong {
        0 if scorecard.within_bounds => format!("all {} measures are within bounds", scorecard.rows.len()),
        _ => format!("{wrong} of {} measures are out of bounds", scorecard.rows.len()),
    };
    format!(
        "{}\n\n{verdict}, after {:.1} s\n",
        table(columns, scorecard.rows.iter().map(row)),
        scorecard.seconds
    )
}

fn row(row: &Row) -> [String; 7] {
    let shown = |value: f64| shown(row.unit, value);
    [
        row.measure.clone(),
        shown(row.expected),
        shown(row.measured),
        error(row),
        allowed(row),
        count(row.samples),
        if row.within_bounds { String::new() } else { "OUT OF BOUNDS".to_owned() },
    ]
}

/// Formats the error: of a duration in percent, of a count in its unit.
fn error(row: &Row) -> String {
    match row.unit {
        _ if row.error == 0.0 => "0".to_owned(),
        _ if row.error.is_nan() => NONE.to_owned(),
        Unit::Nanoseconds if row.expected > 0.0 => format!("{:+.1} %", 100.0 * row.error / row.expected),
        unit => {
            let sign = if row.error < 0.0 { "-" } else { "+" };
            format!("{sign}{}", shown(unit, row.error.abs()))
        }
    }
}

fn allowed(row: &Row) -> String {
    let (below, above) = (shown(row.unit, row.allowed_below), shown(row.unit, row.allowed_above));
    match (row.allowed_below, row.allowed_above) {
        (0.0, 0.0) => "exact".to_owned(),
        (down, up) if down == up => format!("±{above}"),
        _ => format!("-{below} .. +{above}"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, and rounded for people")]
fn shown(unit: Unit, value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    match unit {
        Unit::Count | Unit::Bytes => count(value.round() as u64),
        Unit::Nanoseconds => duration(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::*;

    fn rows() -> Vec<Row> {
        let path = Duration::from_micros(200);
        vec![
            Row::exact("packets: arp", Unit::Count, 50, 50, 50),
            Row::exact("wire bytes of a bulk transfer", Unit::Bytes, 20_980_192, 20_980_192, 13_864),
            Row::nested("icmp round trip, median", (9_790.0, 4_480.0), Duration::from_micros(100), 200),
            Row::within("dns answer after 20 ms, mean", (20.4e6, 20.3e6), 2.0, path, 32),
        ]
    }

    #[test]
    fn all_measures_within_bounds() {
        assert_snapshot!(text(&Scorecard::new(rows(), Duration::from_millis(7_900))));
    }

    #[test]
    fn a_wrong_count_a_wrong_duration_and_a_missing_value_are_out_of_bounds() {
        let wrong = [
            Row::exact("packets: sctp", Unit::Count, 50, 49, 50),
            Row::within("tcp response after 50 ms, mean", (50e6, 52e6), 2.0, Duration::ZERO, 40),
            Row::nested("icmpv6 round trip, median", (9_790.0, f64::NAN), Duration::ZERO, 0),
        ];
        let all = rows().into_iter().chain(wrong).collect();
        assert_snapshot!(text(&Scorecard::new(all, Duration::from_secs(9))));
    }
}
