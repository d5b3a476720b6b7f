//! What is recorded: a figure at a place. Two recordings are compared series by series.

use std::fmt;

use netmon_model::{
    histogram::Histogram,
    names::{EndName, LinkName, NsName},
};
use serde::{Deserialize, Serialize};

/// The largest number of an amount that was added up.
const MAX_NUMBER: u64 = 1 << 56;

/// A figure at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Where it is measured.
    pub place: Place,
    /// What is measured.
    pub figure: Figure,
}

/// Where a figure is measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A direction of a link.
    Direction {
        /// The link.
        link: LinkName,
        /// The end that packets leave.
        from: End,
        /// The end at which they arrive.
        to: End,
    },
    /// An end of a link.
    End {
        /// The link.
        link: LinkName,
        /// The end.
        at: End,
    },
    /// A probe.
    Probe {
        /// The namespace that it is sent from.
        from: NsName,
        /// Its name, or else its target.
        name: String,
    },
}

/// An end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct End {
    /// Its namespace.
    pub netns: NsName,
    /// Its interface.
    pub interface: EndName,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// One-way latencies of a direction.
    LinkLatency,
    /// Segments that were lost, of those that left.
    LinkLoss,
    /// Bytes on the wire that left.
    Throughput,
    /// Echoes that this end requested: round trips.
    IcmpRtt,
    /// Echoes that this end answered: the time from the request to the reply.
    IcmpTurnaround,
    /// Echo requests without a reply, of those that were answered or given up.
    IcmpUnanswered,
    /// SYN to SYN/ACK.
    TcpHandshake,
    /// TCP data to its acknowledgement.
    TcpRtt,
    /// Last byte of an HTTP/1 request in the clear to the first byte of its response. At the end of a service, this is the
    /// time that the service takes.
    TcpResponse,
    /// TCP segments that left this end again, of all segments that left.
    TcpRetransmits,
    /// DNS query to response.
    DnsLatency,
    /// DNS queries without a response, of those that were answered or given up.
    DnsUnanswered,
    /// Durations of the successful attempts of a probe.
    ProbeDuration,
    /// Failed attempts of a probe, of all.
    ProbeFailures,
}

/// The kind of a figure: how its amounts add up and are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Durations. Longer is worse.
    Latency,
    /// A share of a whole. More is worse.
    Share,
    /// Bytes. Less is worse.
    Bytes,
}

impl Figure {
    /// Every figure, in display order.
    pub const ALL: [Self; 14] = [
        Self::LinkLatency,
        Self::LinkLoss,
        Self::Throughput,
        Self::IcmpRtt,
        Self::IcmpTurnaround,
        Self::IcmpUnanswered,
        Self::TcpHandshake,
        Self::TcpRtt,
        Self::TcpResponse,
        Self::TcpRetransmits,
        Self::DnsLatency,
        Self::DnsUnanswered,
        Self::ProbeDuration,
        Self::ProbeFailures,
    ];

    /// Returns its name, as in a recording.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkLatency => "link_latency",
            Self::LinkLoss => "link_loss",
            Self::Throughput => "throughput",
            Self::IcmpRtt => "icmp_rtt",
            Self::IcmpTurnaround => "icmp_turnaround",
            Self::IcmpUnanswered => "icmp_unanswered",
            Self::TcpHandshake => "tcp_handshake",
            Self::TcpRtt => "tcp_rtt",
            Self::TcpResponse => "tcp_response",
            Self::TcpRetransmits => "tcp_retransmits",
            Self::DnsLatency => "dns_latency",
            Self::DnsUnanswered => "dns_unanswered",
            Self::ProbeDuration => "probe_duration",
            Self::ProbeFailures => "probe_failures",
        }
    }

    /// Returns its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Throughput => Kind::Bytes,
            Self::LinkLoss
            | Self::IcmpUnanswered
            | Self::TcpRetransmits
            | Self::DnsUnanswered
            | Self::ProbeFailures => Kind::Share,
            _ => Kind::Latency,
        }
    }
}

/// An amount of a series: since the agent began, or in one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// Durations.
    Latency(Latencies),
    /// A part of a whole.
    Share(Share),
    /// Bytes.
    Bytes(u64),
}

/// Durations: their number, their exact sum, and how many are in each of the kernel's buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LatenciesJson", into = "LatenciesJson")]
pub struct Latencies(pub Histogram);

/// The form of [`Latencies`] in JSON.
#[derive(Serialize, Deserialize)]
struct LatenciesJson {
    count: u64,
    sum_ns: u64,
    /// Absent if durations of this figure have no buckets.
    #[serde(default)]
    first_bucket: usize,
    #[serde(default)]
    buckets: Vec<u64>,
}

impl From<LatenciesJson> for Latencies {
    fn from(json: LatenciesJson) -> Self {
        Self(Histogram::from_used(json.first_bucket, &json.buckets, json.sum_ns, json.count))
    }
}

impl From<Latencies> for LatenciesJson {
    fn from(Latencies(histogram): Latencies) -> Self {
        let (first_bucket, buckets) = histogram.used();
        let buckets = buckets.to_vec();
        Self { count: histogram.count, sum_ns: histogram.sum_ns, first_bucket, buckets }
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many of the whole, for example segments that were lost.
    pub part: u64,
    /// The whole, for example segments that left.
    pub whole: u64,
}

impl Amount {
    /// Returns nothing of a kind.
    #[must_use]
    pub fn zero(kind: Kind) -> Self {
        match kind {
            Kind::Latency => Self::Latency(Latencies::default()),
            Kind::Share => Self::Share(Share::default()),
            Kind::Bytes => Self::Bytes(0),
        }
    }

    /// Returns the kind of figure that this is an amount of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Latency(_) => Kind::Latency,
            Self::Share(_) => Kind::Share,
            Self::Bytes(_) => Kind::Bytes,
        }
    }

    /// Returns whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Latency(Latencies(histogram)) => histogram.count == 0,
            Self::Share(share) => share.whole == 0 && share.part == 0,
            Self::Bytes(bytes) => *bytes == 0,
        }
    }

    /// Returns what was added since `earlier`. Returns `None` if a counter is behind, or the kinds differ.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        match (self, earlier) {
            (Self::Latency(Latencies(now)), Self::Latency(Latencies(then))) => {
                let grew = now.count >= then.count && now.sum_ns >= then.sum_ns;
                grew.then(|| Self::Latency(Latencies(now.since(then))))
            }
            (Self::Share(now), Self::Share(then)) => Some(Self::Share(Share {
                part: now.part.checked_sub(then.part)?,
                whole: now.whole.checked_sub(then.whole)?,
            })),
            (Self::Bytes(now), Self::Bytes(then)) => Some(Self::Bytes(now.checked_sub(*then)?)),
            _ => None,
        }
    }

    /// Adds `other`, an amount of the same figure. One of another kind is left out. No number grows beyond 2^56, which nothing
    /// real reaches: sums of many stay below 2^64, whatever a file contains.
    pub fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Latency(Latencies(sum)), Self::Latency(Latencies(more))) => *sum = durations(sum, more),
            (Self::Share(sum), Self::Share(more)) => {
                sum.part = bounded_sum(sum.part, more.part);
                sum.whole = bounded_sum(sum.whole, more.whole);
            }
            (Self::Bytes(sum), Self::Bytes(more)) => *sum = bounded_sum(*sum, *more),
            _ => {}
        }
    }
}

/// Returns the durations of both.
fn durations(sum: &Histogram, more: &Histogram) -> Histogram {
    let (mut buckets, added) = (sum.buckets(), more.buckets());
    for (bucket, more) in buckets.iter_mut().zip(added) {
        *bucket = bounded_sum(*bucket, more);
    }
    Histogram::new(&buckets, bounded_sum(sum.sum_ns, more.sum_ns), bounded_sum(sum.count, more.count))
}

/// Returns the sum of two numbers, at most 2^56.
pub(crate) fn bounded_sum(sum: u64, more: u64) -> u64 {
    sum.saturating_add(more).min(MAX_NUMBER)
}

impl Place {
    /// Returns the link that this place belongs to. `None` for a probe.
    #[must_use]
    pub const fn link(&self) -> Option<&LinkName> {
        match self {
            Self::Direction { link, .. } | Self::End { link, .. } => Some(link),
            Self::Probe { .. } => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.netns, self.interface)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direction { from, to, .. } => write!(f, "{from} -> {to}"),
            Self::End { at, .. } => write!(f, "{at}"),
            Self::Probe { from, name } => write!(f, "{from} -> {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_written_with_its_name() {
        for figure in Figure::ALL {
            assert_eq!(serde_json::to_string(&figure).unwrap(), format!("{:?}", figure.name()));
        }
    }

    #[test]
    fn an_amount_reads_back_and_one_without_buckets_keeps_its_sum() {
        let mut histogram = Histogram::default();
        histogram.record(std::time::Duration::from_micros(70));
        let without = Histogram::from_used(0, &[], 5000, 2);
        for amount in [
            Amount::Latency(Latencies(histogram)),
            Amount::Latency(Latencies(without)),
            Amount::Share(Share { part: 1, whole: 7 }),
            Amount::Bytes(9),
        ] {
            let text = serde_json::to_string(&amount).unwrap();
            assert_eq!(serde_json::from_str::<Amount>(&text).unwrap(), amount, "{text}");
        }
    }

    #[test]
    fn numbers_that_nothing_real_reaches_do_not_overflow() {
        let huge = Histogram::from_used(0, &[u64::MAX; 3], u64::MAX, u64::MAX);
        let amounts = [
            Amount::Latency(Latencies(huge)),
            Amount::Share(Share { part: u64::MAX, whole: u64::MAX }),
            Amount::Bytes(u64::MAX),
        ];
        for amount in amounts {
            let mut sum = Amount::zero(amount.kind());
            sum.add(&amount);
            let bounded = sum.clone();
            sum.add(&amount);
            assert_eq!(sum, bounded);
        }
        assert_eq!(bounded_sum(u64::MAX, 1), MAX_NUMBER);
    }

    #[test]
    fn a_counter_that_began_again_has_no_difference() {
        let share = |part, whole| Amount::Share(Share { part, whole });
        assert_eq!(share(3, 10).since(&share(1, 4)), Some(share(2, 6)));
        assert_eq!(share(0, 10).since(&share(1, 4)), None);
        assert_eq!(Amount::Bytes(3).since(&Amount::Bytes(4)), None);
        assert_eq!(Amount::Bytes(3).since(&share(0, 0)), None, "another kind");
    }
}
