//! The card for people.

use crate::{
    render::{
        table::table,
        units::{NONE, count, duration},
    },
    selftest::{Row, Scorecard, scorecard::Unit},
};

pub(super) fn text(card: &Scorecard) -> String {
    let columns = [
        ("MEASURE", false),
        ("EXPECTED", true),
        ("MEASURED", true),
        ("ERROR", true),
        ("ALLOWED", true),
        ("SAMPLES", true),
        ("", false),
    ];
    let wrong = card.rows.iter().filter(|row| !row.within_bounds).count();
    let verdict = match wrong {
        0 if card.within_bounds => format!("all {} measures are within bounds", card.rows.len()),
        _ => format!("{wrong} of {} measures are out of bounds", card.rows.len()),
    };
    format!("{}\n\n{verdict}, after {:.1} s\n", table(columns, card.rows.iter().map(row)), card.seconds)
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

/// Of a duration in percent, of a count as it is.
fn error(row: &Row) -> String {
    match row.unit {
        _ if row.error == 0.0 => "0".to_owned(),
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
