//! The totals of all series at one moment, and the window between two of them.

use std::collections::HashMap;

use netmon_model::names::LabName;
use serde::{Deserialize, Serialize};

use super::{Agent, Gap};
use crate::series::{Amount, Series};

/// The totals of all series since an agent began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// Monotonic time of the reading in nanoseconds (`CLOCK_MONOTONIC`).
    pub monotonic_ns: u64,
    /// The agent.
    pub agent: Agent,
    /// The name of the lab and the path of its file; null if the agent watches none.
    pub lab: Option<TotalsLab>,
    /// The total of every series.
    pub totals: Vec<SeriesTotal>,
}

/// The lab of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsLab {
    /// Its name.
    pub name: LabName,
    /// The path of its file; `built-in` for the built-in lab.
    pub file: String,
}

/// The total of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesTotal {
    /// The series.
    #[serde(flatten)]
    pub series: Series,
    /// The number of the interface that the counter belongs to; null for a probe. Another number is another counter.
    pub ifindex: Option<u32>,
    /// The total.
    #[serde(flatten)]
    pub amount: Amount,
}

/// What happened on all series from one reading to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Wall-clock time at its end, milliseconds since 1970.
    pub ended_at_unix_ms: u64,
    /// Its length in nanoseconds.
    pub ns: u64,
    /// The amounts that are not zero.
    pub amounts: Vec<(Series, Amount)>,
    /// The series whose amount is not known.
    pub unknown: Vec<Series>,
}

impl Totals {
    /// Returns what happened since `earlier`.
    ///
    /// # Errors
    ///
    /// Returns a gap if the totals are those of another agent, or this reading is not the later one.
    pub fn since(&self, earlier: &Self) -> Result<Window, Gap> {
        let gap = |reason: &str| Gap { at_unix_ms: self.taken_at_unix_ms, reason: reason.to_owned() };
        if self.agent.started_at_unix_ms != earlier.agent.started_at_unix_ms {
            return Err(gap("the agent was restarted"));
        }
        if self.monotonic_ns <= earlier.monotonic_ns {
            return Err(gap("a reading was not newer than the one before"));
        }
        let ns = self.monotonic_ns - earlier.monotonic_ns;
        let mut window = Window { ended_at_unix_ms: self.taken_at_unix_ms, ns, ..Window::default() };
        let before: HashMap<&Series, &SeriesTotal> =
            earlier.totals.iter().map(|total| (&total.series, total)).collect();
        for total in &self.totals {
            match total.since(before.get(&total.series).copied()) {
                Some(amount) if amount.is_zero() => {}
                Some(amount) => window.amounts.push((total.series.clone(), amount)),
                None => window.unknown.push(total.series.clone()),
            }
        }
        Ok(window)
    }
}

impl SeriesTotal {
    /// Returns what was added since `earlier`. Returns `None` if the counter is another one, or has begun again.
    fn since(&self, earlier: Option<&Self>) -> Option<Amount> {
        match earlier {
            Some(earlier) if earlier.ifindex == self.ifindex => self.amount.since(&earlier.amount),
            None if self.amount.is_zero() => Some(self.amount.clone()),
            _ => None,
        }
    }
}

impl Gap {
    /// A reading that failed.
    #[must_use]
    pub fn failed(at_unix_ms: u64, reason: impl Into<String>) -> Self {
        Self { at_unix_ms, reason: reason.into() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::series::{End, Figure, Place, Share};

    /// The throughput that leaves `interface` of `web`.
    pub(crate) fn throughput(interface: &str) -> Series {
        let end = |netns: &str, interface: &str| End {
            netns: netns.parse().unwrap(),
            interface: interface.parse().unwrap(),
        };
        let (from, to) = (end("web", interface), end("root", "veth0"));
        let place = Place::Direction { link: "uplink".parse().unwrap(), from, to };
        Series { place, figure: Figure::Throughput }
    }

    fn total(interface: &str, ifindex: u32, bytes: u64) -> SeriesTotal {
        SeriesTotal { series: throughput(interface), ifindex: Some(ifindex), amount: Amount::Bytes(bytes) }
    }

    fn totals(second: u64, totals: Vec<SeriesTotal>) -> Totals {
        let agent = Agent { version: "0.1.0".to_owned(), started_at_unix_ms: 5 };
        let taken_at_unix_ms = 1000 * second;
        Totals { taken_at_unix_ms, monotonic_ns: 1_000_000_000 * second, agent, lab: None, totals }
    }

    #[test]
    fn a_window_has_what_changed_and_names_what_is_not_known() {
        let before =
            totals(1, vec![total("a", 1, 10), total("b", 2, 10), total("c", 3, 10), total("d", 4, 10)]);
        let now = totals(
            3,
            vec![
                total("a", 1, 25),
                total("b", 2, 10),
                total("c", 9, 90),
                total("d", 4, 5),
                total("new", 5, 0),
                total("found", 6, 7),
            ],
        );
        let window = now.since(&before).unwrap();
        assert_eq!((window.ns, window.ended_at_unix_ms), (2_000_000_000, 3000));
        assert_eq!(window.amounts, [(throughput("a"), Amount::Bytes(15))]);
        assert_eq!(window.unknown, ["c", "d", "found"].map(throughput));
    }

    #[test]
    fn totals_of_another_agent_are_a_gap() {
        let before = totals(1, Vec::new());
        let mut now = totals(2, Vec::new());
        now.agent.started_at_unix_ms = 6;
        assert_eq!(now.since(&before).unwrap_err().reason, "the agent was restarted");
        assert!(before.since(&before).is_err());
    }

    #[test]
    fn totals_read_back_as_they_were_written() {
        let mut totals = totals(1, vec![total("a", 1, 10)]);
        totals.totals[0].amount = Amount::Share(Share { part: 1, whole: 2 });
        let text = serde_json::to_string(&totals).unwrap();
        assert_eq!(serde_json::from_str::<Totals>(&text).unwrap(), totals, "{text}");
    }
}
