//! Durations in a lab file: `500us`, `10ms`, `1s`.

use std::{ops::RangeInclusive, time::Duration};

use netmon_model::text::quoted;

use super::{report::Report, section::Text};

/// Reads a duration longer than zero.
pub(super) fn read(written: &Text<'_>, report: &mut Report<'_>) -> Option<Duration> {
    let parsed = written.get_ref().parse::<jiff::SignedDuration>().ok();
    let time = parsed.and_then(|time| Duration::try_from(time).ok()).filter(|time| !time.is_zero());
    if time.is_none() {
        let message = format!("{} is not a duration", quoted(written.get_ref()));
        report.error(
            written.span(),
            message,
            "write a number and a unit, for example \"500us\", \"10ms\" or \"1s\"",
        );
    }
    time
}

/// Reads a duration within these bounds.
pub(super) fn read_within(
    written: &Text<'_>,
    range: RangeInclusive<Duration>,
    report: &mut Report<'_>,
) -> Option<Duration> {
    let time = read(written, report)?;
    if !range.contains(&time) {
        let help = format!("write {:?} to {:?}", range.start(), range.end());
        report.error(written.span(), format!("a duration of {time:?} is out of range"), help);
        return None;
    }
    Some(time)
}
