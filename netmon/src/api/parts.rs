//! A round trip and its parts: forward path, turnaround at the other end, return path.
//!
//! All timestamps come from one clock, and the same reading serves the round trip and the one-way latency: for one packet
//! and its answer, the parts add up to the nanosecond. Means add up if all four are over the same packets. Round trips and
//! turnarounds are always of the same requests; the latencies are of every IP packet that crossed the link meanwhile. So
//! each part has the number of its samples, and the difference between the whole and its parts is reported.
//!
//! Echoes are counted separately by requester. An end's histogram of TCP handshakes holds both those that it requested and
//! those that it answered. There, a perspective is reported for the end that saw the longer times, since the times of the
//! other end are then turnarounds. If both ends requested at the same time, the difference shows it.

use netmon_model::{
    by::Ends,
    histogram::{Histogram, Total},
    names::Side,
    snapshot::{DirectionSnapshot, LinkSnapshot},
};
use serde::{Deserialize, Serialize};

use crate::live::{LinkTotals, RoundTripTotals};

/// The round trips over one link, from both ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTripParts {
    /// Requests that left `a`, and whose answers came back there.
    pub seen_from_a: Perspective,
    /// Requests that left `b`, and whose answers came back there.
    pub seen_from_b: Perspective,
}

/// Round trips that begin and end at one end of a link; null if that end requested nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perspective {
    /// ICMP and ICMPv6 echo, since the agent began.
    pub icmp: Option<Parts>,
    /// The same over [`super::Links::window_seconds`].
    pub recent_icmp: Option<Parts>,
    /// TCP SYN to SYN/ACK, since the agent began.
    pub tcp_handshake: Option<Parts>,
    /// The same over [`super::Links::window_seconds`].
    pub recent_tcp_handshake: Option<Parts>,
}

/// One round trip and its parts, as means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The whole, as the requesting end saw it.
    pub round_trip: Part,
    /// From the requesting end to the other.
    pub forward: Part,
    /// From the request's arrival at the other end to the answer's departure.
    pub turnaround: Part,
    /// From the other end to the requesting one.
    #[serde(rename = "return")]
    pub back: Part,
    /// The sum of the three parts.
    pub sum_ns: u64,
    /// The whole minus its parts: zero but for rounding if all means are over the same packets.
    pub difference_ns: i64,
    /// Whether all means have as many samples as there were round trips.
    pub same_packets: bool,
}

/// A mean, and the number of its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The mean, rounded.
    pub mean_ns: u64,
    /// Samples.
    pub samples: u64,
}

impl Part {
    fn of(total: Total) -> Option<Self> {
        Some(Self { mean_ns: total.mean_ns()?, samples: total.count })
    }
}

impl Parts {
    /// Returns `None` if this end requested nothing, or a part was not measured.
    fn of(whole: Total, there: Total, turnaround: Total, back: Total) -> Option<Self> {
        let round_trip = Part::of(whole)?;
        let (forward, turnaround, back) = (Part::of(there)?, Part::of(turnaround)?, Part::of(back)?);
        let parts = [forward, turnaround, back];
        let sum_ns = parts.iter().map(|part| part.mean_ns).sum();
        Some(Self {
            round_trip,
            forward,
            turnaround,
            back,
            sum_ns,
            difference_ns: round_trip.mean_ns.wrapping_sub(sum_ns).cast_signed(),
            same_packets: parts.iter().all(|part| part.samples == round_trip.samples),
        })
    }
}

/// The histograms of a link that a round trip is split with.
#[derive(Clone, Copy)]
struct Totals {
    /// One-way latencies, by the end that packets left.
    links: Ends<Option<Total>>,
    /// Round trips, by end.
    ends: Ends<RoundTripTotals>,
}

impl Totals {
    /// `None` without both ends.
    fn now(link: &LinkSnapshot) -> Option<Self> {
        let b = link.b.as_ref()?;
        let latency = |of: &DirectionSnapshot| of.latency.as_ref().map(Histogram::total);
        Some(Self {
            links: Ends { a: latency(&link.a_to_b), b: latency(&link.b_to_a) },
            ends: Ends { a: &link.a, b }.map(|end| RoundTripTotals::from(&end.round_trips)),
        })
    }

    fn then(totals: &LinkTotals) -> Option<Self> {
        let end = |side| Some(totals.end(side)?.round_trips);
        Some(Self {
            links: Ends::from_fn(|from| totals.latency(from).map(Histogram::total)),
            ends: Ends { a: end(Side::A)?, b: end(Side::B)? },
        })
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            links: Ends::from_fn(|from| Some(self.links[from]?.since(earlier.links[from]?))),
            ends: Ends::from_fn(|side| self.ends[side].since(earlier.ends[side])),
        }
    }

    /// Echoes that `client` requested, taken apart.
    fn icmp(self, client: Side) -> Option<Parts> {
        self.parts(client, self.ends[client].icmp_asked, self.ends[client.peer()].icmp_answered)
    }

    /// Handshakes, in the same way.
    fn tcp_handshake(self, client: Side) -> Option<Parts> {
        let [whole, turnaround] = [client, client.peer()].map(|side| self.ends[side].tcp_handshake);
        // Otherwise these are the other end's round trips, and turnarounds here.
        let requested = whole.mean_ns()? > turnaround.mean_ns()?;
        requested.then(|| self.parts(client, whole, turnaround)).flatten()
    }

    fn parts(self, client: Side, whole: Total, turnaround: Total) -> Option<Parts> {
        Parts::of(whole, self.links[client]?, turnaround, self.links[client.peer()]?)
    }
}

impl RoundTripParts {
    /// Of everything, and of what came since an earlier sample.
    pub(super) fn of(link: &LinkSnapshot, earlier: Option<&LinkTotals>) -> Self {
        let all = Totals::now(link);
        let recent = all.and_then(|all| Some(all.since(Totals::then(earlier?)?)));
        let perspective = |client| Perspective {
            icmp: all.and_then(|all| all.icmp(client)),
            recent_icmp: recent.and_then(|recent| recent.icmp(client)),
            tcp_handshake: all.and_then(|all| all.tcp_handshake(client)),
            recent_tcp_handshake: recent.and_then(|recent| recent.tcp_handshake(client)),
        };
        Self { seen_from_a: perspective(Side::A), seen_from_b: perspective(Side::B) }
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::{fixtures, snapshot::Snapshot};

    use super::*;

    /// A link without requests and without packets.
    fn silent() -> Snapshot {
        let mut snapshot = fixtures::direct();
        let link = &mut snapshot.links[0];
        (link.a_to_b.latency, link.b_to_a.latency) = (Some(Histogram::default()), Some(Histogram::default()));
        for end in std::iter::once(&mut link.a).chain(&mut link.b) {
            (end.round_trips.icmp_asked, end.round_trips.icmp_answered) = Default::default();
            end.round_trips.tcp_handshake = Histogram::default();
        }
        snapshot
    }

    /// `count` requests from a: 2 us there, 5 us in b, 3 us back.
    fn asked_from_a(snapshot: &mut Snapshot, count: usize) {
        let link = &mut snapshot.links[0];
        let of = |ns: u64| fixtures::histogram_of(vec![ns; count]);
        link.a_to_b.latency.as_mut().unwrap().add(&of(2000));
        link.b_to_a.latency.as_mut().unwrap().add(&of(3000));
        more(&mut link.a.round_trips.icmp_asked, count, 10_000);
        more(&mut link.b.as_mut().unwrap().round_trips.icmp_answered, count, 5000);
    }

    fn more(total: &mut Total, count: usize, ns: u64) {
        *total = Total { count: total.count + count as u64, sum_ns: total.sum_ns + count as u64 * ns };
    }

    #[test]
    fn the_parts_of_the_same_packets_add_up_and_the_other_sense_is_not_invented() {
        let mut snapshot = silent();
        asked_from_a(&mut snapshot, 20);
        let parts = RoundTripParts::of(&snapshot.links[0], None);
        let icmp = parts.seen_from_a.icmp.unwrap();
        assert_eq!(icmp.round_trip, Part { mean_ns: 10_000, samples: 20 });
        assert_eq!([icmp.forward, icmp.turnaround, icmp.back].map(|part| part.mean_ns), [2000, 5000, 3000]);
        assert_eq!((icmp.sum_ns, icmp.difference_ns, icmp.same_packets), (10_000, 0, true));
        assert_eq!(parts.seen_from_b, Perspective::default());
        assert_eq!(parts.seen_from_a.tcp_handshake, None);
        assert_eq!(parts.seen_from_a.recent_icmp, None, "there is no earlier sample");
    }

    #[test]
    fn other_packets_on_the_link_are_told_by_their_number_and_the_difference() {
        let mut snapshot = silent();
        asked_from_a(&mut snapshot, 20);
        let stream = fixtures::histogram_of(vec![12_000; 20]);
        snapshot.links[0].a_to_b.latency.as_mut().unwrap().add(&stream);
        let icmp = RoundTripParts::of(&snapshot.links[0], None).seen_from_a.icmp.unwrap();
        assert_eq!(icmp.forward, Part { mean_ns: 7000, samples: 40 });
        assert_eq!((icmp.difference_ns, icmp.same_packets), (-5000, false));
    }

    #[test]
    fn what_came_since_a_sample_is_taken_apart_by_itself() {
        let mut snapshot = silent();
        let link = &mut snapshot.links[0];
        link.a_to_b.latency = Some(fixtures::histogram_of(vec![500_000; 7]));
        more(&mut link.b.as_mut().unwrap().round_trips.icmp_asked, 3, 900_000);
        more(&mut link.a.round_trips.icmp_answered, 3, 700_000);
        let earlier = LinkTotals::from(&snapshot.links[0]);
        asked_from_a(&mut snapshot, 4);
        let parts = RoundTripParts::of(&snapshot.links[0], Some(&earlier));
        let recent = parts.seen_from_a.recent_icmp.unwrap();
        assert_eq!((recent.sum_ns, recent.difference_ns, recent.same_packets), (10_000, 0, true));
        let all = parts.seen_from_b.icmp.unwrap();
        assert_eq!(all.round_trip, Part { mean_ns: 900_000, samples: 3 }, "who asked is kept apart");
        assert_eq!(all.turnaround, Part { mean_ns: 700_000, samples: 3 });
        assert!(!all.same_packets, "the link carried both: {all:?}");
    }

    #[test]
    fn a_kernel_that_cannot_stamp_has_no_parts() {
        let mut snapshot = silent();
        asked_from_a(&mut snapshot, 4);
        snapshot.links[0].b_to_a.latency = None;
        assert_eq!(RoundTripParts::of(&snapshot.links[0], None).seen_from_a, Perspective::default());
    }
}
