//! Figures of at most six columns for tables: three digits and the letter of the unit.
//!
//! The same rounding as in [`units`], without blanks. A figure that does not fit is given in a larger unit and is never
//! cut.

use crate::{
    api::Amounts,
    render::units::{self, NONE},
};
use netmon_model::impairment::Impairment;

/// Formats nanoseconds: `812ns`, `12.3µs`, `50.0ms`. In ASCII, `12.3us`.
pub(crate) fn duration(ns: u64, is_ascii: bool) -> String {
    let text = units::duration(ns).replace(' ', "");
    if is_ascii { text.replace('µ', "u") } else { text }
}

/// Formats a duration that may be missing.
pub(crate) fn optional_duration(ns: Option<u64>, is_ascii: bool) -> String {
    ns.map_or_else(|| NONE.to_owned(), |ns| duration(ns, is_ascii))
}

/// Formats a rate of bits or packets: `0`, `64.0k`, `9.61M`.
pub(crate) fn rate(per_second: f64) -> String {
    units::bits_per_second(per_second).replace(" bit/s", "").replace(' ', "").replace("bit/s", "")
}

/// Formats a rate of bits with its unit: `9.61 Mbit/s`.
pub(crate) fn bits(per_second: f64) -> String {
    units::bits_per_second(per_second)
}

/// Formats a count in at most `columns`: all digits if they fit, else `12.3M`.
pub(crate) fn count(count: u64, columns: usize) -> String {
    let digits = units::count(count);
    if digits.len() <= columns { digits } else { rate(to_f64(count)) }
}

/// Formats bytes: `64B`, `1.96kB`.
pub(crate) fn bytes(bytes: u64) -> String {
    units::bytes(bytes).replace(' ', "")
}

/// Formats a part of a whole: `0.10 %`. Returns `None` if the whole is empty.
pub(crate) fn share(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| {
        let percent = 100.0 * to_f64(part) / to_f64(whole);
        match percent {
            0.0 => "0 %".to_owned(),
            _ if percent < 0.01 => "<0.01 %".to_owned(),
            _ if percent < 10.0 => format!("{percent:.2} %"),
            _ => format!("{percent:.1} %"),
        }
    })
}

/// Formats seconds as a time of running: `12 s`, `3:07`, `1:02:03`, `2 d 1:02:03`.
pub(crate) fn age(seconds: u64) -> String {
    let (days, hours, minutes, rest) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes}:{rest:02}"),
        3600..86_400 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{days} d {hours}:{minutes:02}:{rest:02}"),
    }
}

/// Formats a declared impairment as a lab file writes it: `delay 10ms, loss 1%`.
pub(crate) fn impairment(amounts: Amounts) -> String {
    Impairment::from(amounts).to_string()
}

/// Converts a count for a figure of three digits.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_a_table_fits_six_columns() {
        for ns in [0, 999, 12_345, 999_999, 50_000_000, 17_179_869_184, 120_000_000_000] {
            assert!(duration(ns, false).chars().count() <= 6, "{}", duration(ns, false));
        }
        for per_second in [0.0, 0.25, 999.4, 999.6, 64_000.0, 9.61e6, 1.25e9, 9.999e11] {
            assert!(rate(per_second).len() <= 6, "{}", rate(per_second));
        }
        assert_eq!([0.0, 98.0, 64_000.0, 9.61e6].map(rate), ["0", "98.0", "64.0k", "9.61M"]);
        assert_eq!([12_345, 1_234_567, 12_345_678].map(|n| count(n, 9)), ["12,345", "1,234,567", "12.3M"]);
        assert_eq!(duration(12_300, true), "12.3us");
    }

    #[test]
    fn a_share_of_nothing_is_no_figure() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(0, 10).as_deref(), Some("0 %"));
        assert_eq!(share(1, 1000).as_deref(), Some("0.10 %"));
        assert_eq!(share(1, 1_000_000).as_deref(), Some("<0.01 %"));
        assert_eq!(share(1, 4).as_deref(), Some("25.0 %"));
    }

    #[test]
    fn an_age_is_read_at_a_glance() {
        assert_eq!([7, 187, 3723, 176_523].map(age), ["7 s", "3:07", "1:02:03", "2 d 1:02:03"]);
    }
}
