//! Numbers for people: three digits and a unit. Programs read whole numbers as JSON.
//!
//! # Examples
//!
//! ```
//! use netmon::render::units;
//!
//! assert_eq!(units::duration(12_345), "12.3 µs");
//! assert_eq!(units::bytes(1960), "1.96 kB");
//! assert_eq!(units::bits_per_second(9.61e6), "9.61 Mbit/s");
//! assert_eq!(units::count(1_234_567), "1,234,567");
//! ```

use std::time::Duration;

/// Stands for a value that is absent.
pub const NONE: &str = "-";

/// Formats nanoseconds: `812 ns`, `12.3 µs`, `50.0 ms`, `1.20 s`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn duration(ns: u64) -> String {
    match ns {
        0..1000 => format!("{ns} ns"),
        _ => scaled(ns as f64 / 1000.0, &["µs", "ms", "s"]),
    }
}

/// Formats bytes: `64 B`, `1.96 kB`. Units are powers of 1,000, as in `ip -h -s link`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        _ => scaled(bytes as f64 / 1000.0, &["kB", "MB", "GB", "TB"]),
    }
}

/// Formats a rate in bytes: `0 B/s`, `12.5 B/s`, `1.25 MB/s`.
#[must_use]
pub fn bytes_per_second(rate: f64) -> String {
    if rate == 0.0 { "0 B/s".to_owned() } else { scaled(rate, &["B/s", "kB/s", "MB/s", "GB/s"]) }
}

/// Formats a rate in bits: `0 bit/s`, `9.61 Mbit/s`.
#[must_use]
pub fn bits_per_second(rate: f64) -> String {
    if rate == 0.0 { "0 bit/s".to_owned() } else { scaled(rate, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]) }
}

/// Formats a rate of events: `0`, `4.20`, `12,345`.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive, and rounded for people"
)]
pub fn per_second(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        _ if rate < 1000.0 => three_digits(rate),
        _ => count(rate.round() as u64),
    }
}

/// Formats a count: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats seconds, with a decimal if needed: `5 s`, `2.5 s`.
#[must_use]
pub fn seconds(window: Duration) -> String {
    let seconds = window.as_secs_f64();
    if (seconds - seconds.round()).abs() < 0.05 {
        format!("{seconds:.0} s")
    } else {
        format!("{seconds:.1} s")
    }
}

/// Scales a value to below 1,000 of one of the units. The last unit takes everything beyond.
fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    // A value that would be rounded to 1000 belongs to the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), units[unit])
}

fn three_digits(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_change_their_unit_before_1000() {
        let shown =
            [0, 999, 1000, 12_345, 999_499, 999_500, 50_100_000, 1_200_000_000, 17_179_869_184].map(duration);
        assert_eq!(
            shown,
            ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "999 µs", "1.00 ms", "50.1 ms", "1.20 s", "17.2 s"]
        );
    }

    #[test]
    fn sizes_counts_and_rates_have_units_and_separators() {
        assert_eq!([64, 1960, 10_485_760].map(bytes), ["64 B", "1.96 kB", "10.5 MB"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.25, 12.34, 48_211.7].map(per_second), ["0", "0.25", "12.3", "48,212"]);
        assert_eq!([0.0, 64_000.0, 9.61e6].map(bits_per_second), ["0 bit/s", "64.0 kbit/s", "9.61 Mbit/s"]);
        assert_eq!([0.0, 98.0, 1.25e9].map(bytes_per_second), ["0 B/s", "98.0 B/s", "1.25 GB/s"]);
    }
}
