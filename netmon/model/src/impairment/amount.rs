//! The amounts of an impairment, written as a number and a unit. They are exact: no amount is rounded.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::quoted;

/// The text is not a valid amount.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{wrong}; {help}")]
pub struct InvalidAmount {
    /// What is wrong.
    pub wrong: String,
    /// A valid form.
    pub help: &'static str,
}

/// A time in whole nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delay(u64);

/// A share of all packets in whole millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Loss(u32);

/// A rate in bits a second, of whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

const MILLION: u32 = 1_000_000;
/// The number of millionths in one percent.
const PERCENT: u64 = 10_000;
/// The units of the kernel's own tools, largest first.
const DELAY_UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const RATE_UNITS: [(&str, u64); 4] =
    [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

const DELAY_HELP: &str = "write a number and ns, us, ms or s, for example \"10ms\" or \"1.5ms\"";
const LOSS_HELP: &str = "write \"0%\" to \"100%\", at most four decimal places, for example \"0.5%\"";
const RATE_HELP: &str = "write a number and bit, kbit, mbit or gbit, for example \"10mbit\": bits a second, 1kbit to 100gbit, \
     whole bytes";

/// The bounds of the rate of a token bucket, in bits a second.
const LEAST_RATE: u64 = 1_000;
const MOST_RATE: u64 = 100_000_000_000;

impl Delay {
    /// Creates a delay from nanoseconds.
    #[must_use]
    pub fn of_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Returns the nanoseconds.
    #[must_use]
    pub fn ns(self) -> u64 {
        self.0
    }

    /// Returns the delay as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Loss {
    /// Creates a loss from millionths. Returns `None` above a million.
    #[must_use]
    pub fn of_ppm(ppm: u32) -> Option<Self> {
        (ppm <= MILLION).then_some(Self(ppm))
    }

    /// Returns the millionths.
    #[must_use]
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// Returns the loss as a fraction of 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl Rate {
    /// Creates a rate from bytes a second.
    #[must_use]
    pub fn of_bytes(bytes_per_second: u64) -> Self {
        Self(bytes_per_second.saturating_mul(8))
    }

    /// Returns the bits a second.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Returns the bytes a second.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0 / 8
    }
}

/// Returns `number` times `unit`. `None` unless the product is whole, and `number` has only digits and at most one point.
fn exactly(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let whole = whole.parse::<u128>().ok()?.checked_mul(unit.into())?;
    let fraction = fraction.unwrap_or("0").trim_end_matches('0');
    let places = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled =
        if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()?.checked_mul(unit.into())? };
    (scaled % places == 0)
        .then(|| whole.checked_add(scaled / places))?
        .and_then(|sum| u64::try_from(sum).ok())
}

/// Parses a number and one of these units, with at most one space between them.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
    exactly(number, *size)
}

/// Formats an amount exactly, in the largest unit that is not larger than it.
fn shown(amount: u64, units: &[(&str, u64)]) -> String {
    let smallest = units.last().copied().unwrap_or(("", 1));
    let (name, size) = units.iter().copied().find(|(_, size)| amount >= *size).unwrap_or(smallest);
    let digits = size.ilog10() as usize;
    let fraction = format!("{:0digits$}", amount % size);
    match fraction.trim_end_matches('0') {
        "" => format!("{}{name}", amount / size),
        fraction => format!("{}.{fraction}{name}", amount / size),
    }
}

impl FromStr for Delay {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let refused =
            || InvalidAmount { wrong: format!("{} is not a delay", quoted(text)), help: DELAY_HELP };
        with_unit(text, &DELAY_UNITS).map(Self).ok_or_else(refused)
    }
}

impl FromStr for Loss {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let refused = || InvalidAmount {
            wrong: format!("{} is not a share of packets", quoted(text)),
            help: LOSS_HELP,
        };
        let ppm = with_unit(text, &[("%", PERCENT)]).and_then(|ppm| u32::try_from(ppm).ok());
        ppm.and_then(Self::of_ppm).ok_or_else(refused)
    }
}

impl FromStr for Rate {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let meant = meant_rate(text).map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
        let refused =
            || InvalidAmount { wrong: format!("{} is not a rate{meant}", quoted(text)), help: RATE_HELP };
        let is_possible = |bits: &u64| (LEAST_RATE..=MOST_RATE).contains(bits) && bits.is_multiple_of(8);
        with_unit(text, &RATE_UNITS).filter(is_possible).map(Self).ok_or_else(refused)
    }
}

/// Returns the rate that was probably meant: the units of other programs are written in other ways.
fn meant_rate(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_end_matches("/s");
    let meant = bare.strip_suffix("bps").map_or_else(|| bare.to_owned(), |number| format!("{number}bit"));
    (meant != text && with_unit(&meant, &RATE_UNITS).is_some()).then_some(meant)
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(self.0, &DELAY_UNITS))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (u64::from(self.0) / PERCENT, u64::from(self.0) % PERCENT);
        match fraction {
            0 => f.pad(&format!("{whole}%")),
            _ => f.pad(&format!("{whole}.{}%", format!("{fraction:04}").trim_end_matches('0'))),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(self.0, &RATE_UNITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_with_the_unit_of_another_program_is_refused_with_what_was_meant() {
        for text in ["10Mbit", "10mbps", "10Mbit/s", "10MBIT"] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.wrong.ends_with("is not a rate: did you mean 10mbit?"), "{error:?}");
        }
        assert!("10 apples".parse::<Rate>().unwrap_err().wrong.ends_with("is not a rate"));
    }

    #[test]
    fn an_amount_is_displayed_as_it_is_written() {
        let delays = [
            ("10ms", 10_000_000),
            ("1.5ms", 1_500_000),
            ("500 us", 500_000),
            ("4s", 4_000_000_000),
            ("7ns", 7),
        ];
        for (text, ns) in delays {
            let delay: Delay = text.parse().unwrap();
            assert_eq!((delay.ns(), delay.to_string()), (ns, text.replace(' ', "")), "{text}");
        }
        for (text, ppm) in
            [("1%", 10_000), ("0.5%", 5_000), ("100%", 1_000_000), ("0.0001%", 1), ("12.25 %", 122_500)]
        {
            let loss: Loss = text.parse().unwrap();
            assert_eq!((loss.ppm(), loss.to_string()), (ppm, text.replace(' ', "")), "{text}");
        }
        for (text, bits) in
            [("10mbit", 10_000_000), ("1gbit", 1_000_000_000), ("2.5gbit", 2_500_000_000), ("64kbit", 64_000)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.bits(), rate.to_string()), (bits, text.to_owned()), "{text}");
            assert_eq!(Rate::of_bytes(rate.bytes()), rate);
        }
    }

    #[test]
    fn a_displayed_amount_parses_to_the_same_amount() {
        let mut numbers = fastrand::Rng::with_seed(7);
        for _ in 0..10_000 {
            let digits = 1 + numbers.u64(..12) as u32;
            let delay = Delay::of_ns(numbers.u64(..10_u64.pow(digits)));
            assert_eq!(delay.to_string().parse(), Ok(delay), "{delay}");
            let loss = Loss(numbers.u64(..1_000_001) as u32);
            assert_eq!(loss.to_string().parse(), Ok(loss), "{loss}");
            let rate = Rate::of_bytes(125 + numbers.u64(..12_499_999_875));
            assert_eq!(rate.to_string().parse(), Ok(rate), "{rate}");
        }
    }

    #[test]
    fn an_invalid_amount_is_refused_with_a_valid_form() {
        for text in [
            "",
            "10",
            "ms",
            "-1ms",
            "1e3ms",
            "1.ms",
            ".5ms",
            "1,5ms",
            "10  ms",
            "10MS",
            "0.5ns",
            "99999999999999s",
        ] {
            assert_eq!(text.parse::<Delay>().unwrap_err().help, DELAY_HELP, "{text}");
        }
        for text in ["1", "%", "101%", "100.0001%", "0.00001%", "-1%", "1%%", "1\u{a0}%"] {
            assert_eq!(text.parse::<Loss>().unwrap_err().help, LOSS_HELP, "{text}");
        }
        for text in
            ["10", "0mbit", "999bit", "1001bit", "101gbit", "10mbps", "10Mbit", "18446744073709551616bit"]
        {
            assert_eq!(text.parse::<Rate>().unwrap_err().help, RATE_HELP, "{text}");
        }
    }
}
