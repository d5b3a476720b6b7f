//! A change of an impairment while it is in force. Amounts that are not named keep their values.

use serde::{Deserialize, Serialize};

use super::{Delay, Impairment, Loss, Rate};

/// The changed amounts. A zero removes the amount, as `clear` removes all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether the whole impairment is removed before the other amounts are applied.
    pub clear: bool,
    /// The new delay. `None` keeps the current one.
    pub delay: Option<Delay>,
    /// The new jitter. `None` keeps the current one.
    pub jitter: Option<Delay>,
    /// The new loss. `None` keeps the current one.
    pub loss: Option<Loss>,
    /// The new rate, or its removal. `None` keeps the current one.
    pub rate: Option<NewRate>,
}

/// A change of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewRate {
    /// Sets this rate.
    Limit(Rate),
    /// Removes the rate.
    Unlimited,
}

impl Change {
    /// Returns whether it changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Returns `was` after the change.
    #[must_use]
    pub fn applied_to(self, was: Impairment) -> Impairment {
        let was = if self.clear { Impairment::default() } else { was };
        let rate = match self.rate {
            Some(NewRate::Limit(rate)) => Some(rate),
            Some(NewRate::Unlimited) => None,
            None => was.rate,
        };
        let (delay, jitter) = (self.delay.or(was.delay), self.jitter.or(was.jitter));
        Impairment { delay, jitter, loss: self.loss.or(was.loss), rate }.without_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_unnamed_amounts_and_removes_zeros() {
        let was =
            Impairment { loss: "1%".parse().ok(), rate: "10mbit".parse().ok(), ..Impairment::default() };
        let more = Change { loss: "2%".parse().ok(), ..Change::default() };
        assert_eq!(more.applied_to(was).to_string(), "loss 2%, rate 10mbit");
        let none = Change { loss: "0%".parse().ok(), ..Change::default() };
        assert_eq!(none.applied_to(was).to_string(), "rate 10mbit");
        let unlimited = Change { rate: Some(NewRate::Unlimited), ..Change::default() };
        assert_eq!(unlimited.applied_to(was).to_string(), "loss 1%");
        let instead = Change { clear: true, delay: "5ms".parse().ok(), ..Change::default() };
        assert_eq!(instead.applied_to(was).to_string(), "delay 5ms");
        assert!(Change { clear: true, ..Change::default() }.applied_to(was).is_none());
        assert!(Change::default().is_nothing() && !none.is_nothing());
    }
}
