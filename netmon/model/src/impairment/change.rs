//! A change of an impairment while it stands: what is named is changed, what is not named stays.

use serde::{Deserialize, Serialize};

use super::{Delay, Impairment, Loss, Rate};

/// What is changed; a zero takes the amount away, as `clear` does with all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Everything that there was goes first.
    pub clear: bool,
    /// The delay.
    pub delay: Option<Delay>,
    /// Its jitter.
    pub jitter: Option<Delay>,
    /// The loss.
    pub loss: Option<Loss>,
    /// The rate, or that there is none.
    pub rate: Option<NewRate>,
}

/// What becomes of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewRate {
    /// It is this one.
    Limit(Rate),
    /// There is none.
    Unlimited,
}

impl Change {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What comes of `was`.
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
    fn what_is_not_named_stays_and_a_zero_takes_away() {
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
