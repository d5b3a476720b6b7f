//! The declared impairment of a direction, and its measured effect.

use netmon_model::{
    impairment::{Delay, Impairment, Loss, Rate},
    snapshot::ImpairmentStats,
};
use serde::{Deserialize, Serialize};

use super::{Hook, Summary};

/// A declared impairment and its measured effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredImpairment {
    /// The declared amounts.
    pub declared: Amounts,
    /// The measured amounts.
    pub measured: Measured,
}

/// The amounts of an impairment; null if not declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// The delay of each packet.
    pub delay_ns: Option<u64>,
    /// The variation of the delay in both directions.
    pub jitter_ns: Option<u64>,
    /// Millionths of the packets that are dropped.
    pub loss_ppm: Option<u32>,
    /// The rate limit, in bits per second.
    pub rate_bits_per_second: Option<u64>,
}

/// Measured amounts. Loss is measured since the impairment was declared, the others over the window of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The median of the one-way latency; null without packets, or if it is not measured.
    pub delay_ns: Option<u64>,
    /// Millionths of the segments that did not arrive; null before one left, or if loss is not measured.
    pub loss_ppm: Option<u64>,
    /// Bits that arrived per second; null while there is no rate yet.
    pub rate_bits_per_second: Option<f64>,
    /// Segments that left.
    pub sent_segments: u64,
    /// Segments that did not arrive.
    pub lost_segments: Option<u64>,
}

impl From<Impairment> for Amounts {
    fn from(impairment: Impairment) -> Self {
        Self {
            delay_ns: impairment.delay.map(Delay::ns),
            jitter_ns: impairment.jitter.map(Delay::ns),
            loss_ppm: impairment.loss.map(Loss::ppm),
            rate_bits_per_second: impairment.rate.map(Rate::bits),
        }
    }
}

impl From<Amounts> for Impairment {
    fn from(amounts: Amounts) -> Self {
        Self {
            delay: amounts.delay_ns.map(Delay::of_ns),
            jitter: amounts.jitter_ns.map(Delay::of_ns),
            loss: amounts.loss_ppm.and_then(Loss::of_ppm),
            rate: amounts.rate_bits_per_second.map(|bits| Rate::of_bytes(bits / 8)),
        }
    }
}

impl DeclaredImpairment {
    /// `arriving` is the hook at which the packets arrive.
    pub(super) fn of(stats: &ImpairmentStats, latency: Option<&Summary>, arriving: &Hook) -> Self {
        let ImpairmentStats { impairment, sent_segments, lost_segments } = *stats;
        let share = |lost: u64| {
            let ppm = u128::from(lost) * 1_000_000 / u128::from(sent_segments);
            u64::try_from(ppm).unwrap_or(u64::MAX)
        };
        let measured = Measured {
            delay_ns: latency.and_then(|latency| latency.p50_ns),
            loss_ppm: lost_segments.filter(|_| sent_segments > 0).map(share),
            rate_bits_per_second: arriving.wire_bytes_per_second.map(|bytes| 8.0 * bytes),
            sent_segments,
            lost_segments,
        };
        Self { declared: impairment.into(), measured }
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;
    use crate::api::Links;

    #[test]
    fn what_is_declared_stands_beside_what_is_measured() {
        let mut snapshot = fixtures::direct();
        let impairment =
            Impairment { loss: "10%".parse().ok(), rate: "10mbit".parse().ok(), ..Impairment::default() };
        snapshot.links[0].a_to_b.impairment =
            Some(ImpairmentStats { impairment, sent_segments: 400, lost_segments: Some(38) });
        let links = Links::without_rates(&snapshot);
        let told = links.links[0].a_to_b.as_ref().unwrap().impairment.unwrap();
        assert_eq!(Impairment::from(told.declared), impairment);
        assert_eq!((told.measured.loss_ppm, told.measured.sent_segments), (Some(95_000), 400));
        assert_eq!(told.measured.rate_bits_per_second, None, "no window, no rate");
        assert_eq!(links.links[0].b_to_a.as_ref().unwrap().impairment, None);
    }

    #[test]
    fn before_a_packet_has_left_there_is_no_share() {
        let imposed =
            ImpairmentStats { impairment: Impairment::default(), sent_segments: 0, lost_segments: Some(0) };
        let links = Links::without_rates(&fixtures::direct());
        let told = DeclaredImpairment::of(&imposed, None, &links.links[0].b.as_ref().unwrap().ingress);
        assert_eq!((told.measured.loss_ppm, told.measured.delay_ns), (None, None));
    }
}
