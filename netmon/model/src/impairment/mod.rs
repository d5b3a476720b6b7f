//! Impairment: delay, jitter, loss and a rate limit that netmon imposes on the packets of one direction of a link.
//!
//! [`Impairment`] holds the declared amounts, checked. [`Queue`] holds the queueing disciplines for them. [`loss`] is the
//! program that drops. Nothing here touches the host, except that `loss` loads that program: [`netmon::topology`] imposes
//! impairments.

mod amount;
mod change;
mod queue;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    amount::{Delay, InvalidAmount, Loss, Rate},
    change::{Change, NewRate},
    queue::{Netem, Queue, TokenBucket},
};

/// The maximum time for which an impairment may hold a packet. A lost packet can be distinguished from a late one for
/// about four seconds (half of the epochs, `docs/adr/0006-when-an-epoch-is-closed.md`).
pub const LONGEST: Duration = Duration::from_secs(4);
/// The MTU of a veth end without a configured one.
pub const USUAL_MTU: u32 = 1500;

/// The impairment of the packets that leave through one end of a link. `None` for an amount that is not imposed.
///
/// ```
/// use netmon_model::impairment::{Delay, Impairment, InvalidAmount, Loss};
///
/// # fn main() -> Result<(), InvalidAmount> {
/// let delay: Delay = "10ms".parse()?;
/// let loss: Loss = "1%".parse()?;
/// let impairment = Impairment { delay: Some(delay), loss: Some(loss), ..Impairment::default() };
/// assert_eq!(impairment.to_string(), "delay 10ms, loss 1%");
/// assert!("1".parse::<Loss>().is_err(), "a unit is required");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// The delay of each packet.
    #[serde(rename = "delay_ns", default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// The maximum deviation from the delay, up or down, evenly distributed.
    #[serde(rename = "jitter_ns", default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Delay>,
    /// The share of the packets that is dropped, each independently.
    #[serde(rename = "loss_ppm", default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The rate limit.
    #[serde(rename = "rate_bits_per_second", default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// The amounts are not valid together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{wrong}; {help}")]
pub struct InvalidImpairment {
    /// The key that causes the error.
    pub key: &'static str,
    /// What is wrong.
    pub wrong: String,
    /// A valid form.
    pub help: String,
}

impl Impairment {
    /// Returns whether it imposes nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the impairment without zero amounts.
    #[must_use]
    pub fn without_zeros(self) -> Self {
        Self {
            delay: self.delay.filter(|delay| delay.ns() > 0),
            jitter: self.jitter.filter(|jitter| jitter.ns() > 0),
            loss: self.loss.filter(|loss| loss.ppm() > 0),
            rate: self.rate,
        }
    }

    /// Returns the maximum time for which a packet is held: by the delay, and in the queue of the rate limit.
    #[must_use]
    pub fn longest(&self, mtu: u32) -> Duration {
        let held = [self.delay, self.jitter].into_iter().flatten().map(Delay::duration).sum::<Duration>();
        held + Queue::for_impairment(self, mtu).map_or(Duration::ZERO, |queue| queue.longest_wait())
    }

    /// Checks that the amounts are consistent, on a link of this MTU.
    ///
    /// # Errors
    ///
    /// Fails with the first amount that is not.
    pub fn check(&self, mtu: u32) -> Result<(), InvalidImpairment> {
        let fail = |key, wrong, help: &str| Err(InvalidImpairment { key, wrong, help: help.to_owned() });
        match (self.jitter, self.delay) {
            (Some(jitter), None) => {
                let wrong = format!("a jitter of {jitter} without a delay");
                return fail("jitter", wrong, "add the delay that it varies, for example delay = \"10ms\"");
            }
            (Some(jitter), Some(delay)) if jitter > delay => {
                let wrong = format!("a jitter of {jitter} is more than the delay of {delay}");
                return fail("jitter", wrong, "no packet leaves before it arrived: write at most the delay");
            }
            _ => {}
        }
        let longest = self.longest(mtu);
        if longest <= LONGEST {
            return Ok(());
        }
        let seconds = longest.as_secs_f64();
        if self.delay.is_some_and(|delay| {
            delay.duration() + self.jitter.map_or(Duration::ZERO, Delay::duration) > LONGEST
        }) {
            let wrong = format!("packets may be held for {seconds:.2} s");
            return fail(
                "delay",
                wrong,
                "write at most 4 s, with the jitter: above that, a late packet cannot be distinguished from a lost one",
            );
        }
        let wrong = format!("at this rate packets of {mtu} bytes may be held for {seconds:.2} s");
        fail(
            "rate",
            wrong,
            "write a higher rate or a smaller `mtu`: above 4 s, a late packet cannot be distinguished from a lost one",
        )
    }
}

impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.delay.map(|delay| format!("delay {delay}")),
            self.jitter.map(|jitter| format!("jitter {jitter}")),
            self.loss.map(|loss| format!("loss {loss}")),
            self.rate.map(|rate| format!("rate {rate}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { f.pad("none") } else { f.pad(&parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(delay: &str, jitter: &str, loss: &str, rate: &str) -> Impairment {
        fn amount<T: std::str::FromStr<Err = InvalidAmount>>(text: &str) -> Option<T> {
            (!text.is_empty()).then(|| text.parse().unwrap())
        }
        Impairment { delay: amount(delay), jitter: amount(jitter), loss: amount(loss), rate: amount(rate) }
    }

    #[test]
    fn an_impairment_is_displayed_as_it_is_written() {
        assert_eq!(
            of("10ms", "1ms", "1%", "10mbit").to_string(),
            "delay 10ms, jitter 1ms, loss 1%, rate 10mbit"
        );
        assert_eq!(of("", "", "0.5%", "").to_string(), "loss 0.5%");
        assert_eq!(Impairment::default().to_string(), "none");
        assert!(of("0ms", "0us", "0%", "").without_zeros().is_none());
    }

    #[test]
    fn inconsistent_amounts_are_refused_with_the_key() {
        let key = |impairment: Impairment, mtu| impairment.check(mtu).err().map(|error| error.key);
        assert_eq!(key(of("10ms", "10ms", "100%", "100gbit"), 65_535), None);
        assert_eq!(key(of("", "1ms", "", ""), 1500), Some("jitter"));
        assert_eq!(key(of("1ms", "2ms", "", ""), 1500), Some("jitter"));
        assert_eq!(key(of("4s", "", "", ""), 1500), None);
        assert_eq!(key(of("3s", "2s", "", ""), 1500), Some("delay"));
        assert_eq!(key(of("", "", "", "32kbit"), 1500), None);
        assert_eq!(key(of("", "", "", "32kbit"), 9000), Some("rate"));
        assert_eq!(key(of("3s", "", "", "40kbit"), 1500), Some("rate"));
    }
}
