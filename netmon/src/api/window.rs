//! What happened on all links in one window: the `rates` and `history` events of a stream.

use netmon_ebpf::histogram::{BUCKETS, BUCKETS_PER_OCTAVE, END_OCTAVE, FIRST_OCTAVE};
use netmon_model::{
    histogram::Histogram,
    names::{Direction, Side},
    snapshot::{LinkSnapshot, ProbeSnapshot, Snapshot},
};
use serde::{Deserialize, Serialize};

use super::{Summary, columns::row, nanoseconds, to_thousandth, unix_ms};
use crate::live::{DirectionDelta, EndDelta, LinkDelta, Past};

/// What happened on all links in one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Wall-clock time at the end of the window, milliseconds since 1970.
    #[serde(rename = "t")]
    pub ended_at_unix_ms: u64,
    /// The topology in whose order the arrays are.
    pub generation: u64,
    /// The length of the window in milliseconds.
    pub window_ms: f64,
    /// Each link, in the order of the topology; null for a link of which nothing is known in this window.
    pub links: Vec<Option<LinkWindow>>,
    /// Each probe, in the order of the topology; absent in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Vec<ProbeNow>>,
}

/// What happened on a link: from `a` to `b`, from `b` to `a`, at `a`, and at `b`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkWindow(
    pub Option<DirectionWindow>,
    pub Option<DirectionWindow>,
    pub Option<EndWindow>,
    pub Option<EndWindow>,
);

row! {
    /// What crossed a link in one direction.
    pub struct DirectionWindow {
        /// Packets that left the sending end since the agent began; null in the history.
        pub packets_total: Option<u64>,
        /// Packets that left the sending end.
        pub packets: u64,
        /// Their bytes on the wire.
        pub wire_bytes: u64,
        /// Packets that arrived at the receiving end.
        pub arrived_packets: u64,
        /// Segments that were lost since the agent began; null in the history, and if losses are not measured.
        pub lost_total: Option<u64>,
        /// Segments that were found lost; null if losses are not measured.
        pub lost: Option<u64>,
        /// Latencies; null if they are not measured.
        pub latency_count: Option<u64>,
        /// Their sum; null if they are not measured.
        pub latency_sum_ns: Option<u64>,
        /// Their median; null without one.
        pub p50_ns: Option<u64>,
        /// Their 99th percentile; null without one.
        pub p99_ns: Option<u64>,
        /// All were shorter than this; null without one, and if one was beyond 17.2 s.
        pub max_bound_ns: Option<u64>,
        /// The exponent of the first octave in use, and the latencies in it and in each that follows; empty without one,
        /// null if they are not measured.
        pub octaves: Option<Vec<u64>>,
    }
}

row! {
    /// What happened at one end of a link.
    pub struct EndWindow {
        /// Echoes that this end requested and that were answered.
        pub icmp_count: u64,
        /// The sum of their round trips.
        pub icmp_sum_ns: u64,
        /// Round trips of TCP data that left here; null if they are not measured.
        pub tcp_rtt_count: Option<u64>,
        /// Their sum; null if they are not measured.
        pub tcp_rtt_sum_ns: Option<u64>,
        /// TCP segments that left here a second time.
        pub retransmits: u64,
        /// Packets that the kernel dropped on this interface; null if it does not report drops.
        pub dropped: Option<u64>,
    }
}

row! {
    /// How a probe is doing.
    pub struct ProbeNow {
        /// How long the last attempt took; null if it failed.
        pub last_ns: Option<u64>,
        /// Failed attempts so far.
        pub failures_total: u64,
    }
}

impl Window {
    /// What happened until `snapshot` was taken, with its totals.
    pub(crate) fn of(snapshot: &Snapshot, generation: u64, window: &crate::live::Window) -> Self {
        let with_totals = |(link, delta): (_, &Option<_>)| {
            let delta: &LinkDelta = delta.as_ref()?;
            Some(LinkWindow::from(delta).with_totals(link))
        };
        Self {
            ended_at_unix_ms: unix_ms(snapshot.taken_at),
            generation,
            window_ms: milliseconds(window.length_ns),
            links: snapshot.links.iter().zip(&window.links).map(with_totals).collect(),
            probes: Some(snapshot.probes.iter().map(ProbeNow::from).collect()),
        }
    }

    /// What happened in a window of the past.
    pub(crate) fn of_past(past: &Past, generation: u64) -> Self {
        Self {
            ended_at_unix_ms: past.unix_ms(),
            generation,
            window_ms: milliseconds(past.length_ns()),
            links: past.links().iter().map(|delta| Some(LinkWindow::from(delta.as_ref()?))).collect(),
            probes: None,
        }
    }

    /// Returns the rate per second of a number of this window.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "what passes in a window is far below 2^53")]
    pub fn per_second(&self, number: u64) -> f64 {
        number as f64 / self.window_ms.max(1.0) * 1000.0
    }
}

impl LinkWindow {
    /// Returns the direction that starts at this end. `None` if the peer is not known.
    #[must_use]
    pub fn direction_from(&self, from: Side) -> Option<&DirectionWindow> {
        match from {
            Side::A => self.0.as_ref(),
            Side::B => self.1.as_ref(),
        }
    }

    /// Returns an end. `None` if it is not known.
    #[must_use]
    pub fn end(&self, side: Side) -> Option<&EndWindow> {
        match side {
            Side::A => self.2.as_ref(),
            Side::B => self.3.as_ref(),
        }
    }

    fn with_totals(mut self, link: &LinkSnapshot) -> Self {
        for (side, direction) in [(Side::A, &mut self.0), (Side::B, &mut self.1)] {
            if let (Some(direction), Some(sender)) = (direction.as_mut(), link.end(side)) {
                direction.packets_total = Some(sender.hooks[Direction::Egress].packets());
                direction.lost_total = link.direction_from(side).lost_segments;
            }
        }
        self
    }
}

impl From<&LinkDelta> for LinkWindow {
    fn from(delta: &LinkDelta) -> Self {
        let directions = delta.directions.as_ref().map(|direction| direction.as_ref().map(Into::into));
        let ends = delta.ends.as_ref().map(|end| end.as_ref().map(Into::into));
        Self(directions.a, directions.b, ends.a, ends.b)
    }
}

impl From<&DirectionDelta> for DirectionWindow {
    fn from(delta: &DirectionDelta) -> Self {
        let latency = delta.latency.as_ref();
        let summary = latency.map(Summary::from).unwrap_or_default();
        Self {
            packets_total: None,
            packets: delta.packets,
            wire_bytes: delta.wire_bytes,
            arrived_packets: delta.arrived_packets,
            lost_total: None,
            lost: delta.lost,
            latency_count: latency.map(|latency| latency.count),
            latency_sum_ns: latency.map(|latency| latency.sum_ns),
            p50_ns: summary.p50_ns,
            p99_ns: summary.p99_ns,
            max_bound_ns: summary.max_bound_ns,
            octaves: latency.map(octaves),
        }
    }
}

impl From<&EndDelta> for EndWindow {
    fn from(delta: &EndDelta) -> Self {
        Self {
            icmp_count: delta.icmp.count,
            icmp_sum_ns: delta.icmp.sum_ns,
            tcp_rtt_count: delta.tcp_rtt.map(|rtt| rtt.count),
            tcp_rtt_sum_ns: delta.tcp_rtt.map(|rtt| rtt.sum_ns),
            retransmits: delta.retransmits,
            dropped: delta.dropped,
        }
    }
}

impl From<&ProbeSnapshot> for ProbeNow {
    fn from(probe: &ProbeSnapshot) -> Self {
        Self { last_ns: probe.last.map(nanoseconds), failures_total: probe.failures }
    }
}

fn milliseconds(ns: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^53 ns")]
    to_thousandth(ns as f64 / 1e6)
}

/// Returns the exponent of the first octave in use, and the observations of each octave from there to the last. The
/// buckets below 256 ns and beyond 17.2 s are counted in the octaves next to them.
fn octaves(histogram: &Histogram) -> Vec<u64> {
    let (first, counts) = histogram.used();
    let mut octaves = [0; (END_OCTAVE - FIRST_OCTAVE) as usize];
    for (bucket, count) in (first..).zip(counts) {
        let inner = bucket.clamp(1, BUCKETS - 2);
        octaves[(inner - 1) / BUCKETS_PER_OCTAVE] += count;
    }
    let Some(start) = octaves.iter().position(|count| *count > 0) else { return Vec::new() };
    let end = octaves.iter().rposition(|count| *count > 0).map_or(start, |last| last + 1);
    let exponent = u64::from(FIRST_OCTAVE) + start as u64;
    std::iter::once(exponent).chain(octaves[start..end].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::{self, histogram_of};

    use super::*;
    use crate::live::Live;

    #[test]
    fn octaves_are_counted_from_the_first_to_the_last_in_use() {
        let of = |durations: &[u64]| octaves(&histogram_of(durations.iter().copied()));
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[1024, 1500, 2047]), [10, 3]);
        assert_eq!(of(&[1024, 8192, 9000]), [10, 1, 0, 0, 2]);
        assert_eq!(of(&[5, 300]), [8, 2], "below the first octave");
        assert_eq!(of(&[1 << 33, 1 << 34, 1 << 40]), [33, 3], "beyond the last one");
    }

    #[test]
    fn a_window_has_the_totals_of_the_reading_and_what_happened_since_the_one_before() {
        let mut snapshot = fixtures::direct();
        let live = Live::new(Some(1 << 20));
        live.push(&snapshot);
        snapshot.monotonic_ns += 1_000_123_456;
        snapshot.links[0].a.hooks.egress.wire_bytes += 700;
        snapshot.links[0].a_to_b.lost_segments = snapshot.links[0].a_to_b.lost_segments.map(|lost| lost + 2);
        let lasting = snapshot.links[0].a_to_b.lost_segments;
        let window = Window::of(&snapshot, 3, &live.push(&snapshot).unwrap());
        assert_eq!((window.window_ms, window.generation), (1000.123, 3));
        let link = window.links[0].as_ref().unwrap();
        let direction = link.direction_from(Side::A).unwrap();
        assert_eq!(direction.packets_total, Some(snapshot.links[0].a.hooks.egress.packets()));
        assert_eq!((direction.packets, direction.wire_bytes), (0, 700));
        assert_eq!((direction.lost_total, direction.lost), (lasting, Some(2)));
        assert_eq!(
            (direction.latency_count, direction.p50_ns, &direction.octaves),
            (Some(0), None, &Some(vec![]))
        );
        assert_eq!(link.end(Side::B).unwrap().tcp_rtt_count, None, "not measured");
        assert_eq!(window.probes.as_ref().unwrap()[1], ProbeNow { last_ns: None, failures_total: 9 });

        let past = live.history().unwrap().after(0, &[(&snapshot.links[0]).into()]).unwrap();
        let past = Window::of_past(&past, 3);
        let direction = past.links[0].as_ref().unwrap().direction_from(Side::A).unwrap();
        assert_eq!((direction.packets_total, direction.wire_bytes, direction.lost), (None, 700, Some(2)));
        assert_eq!((past.window_ms, past.probes), (1000.123, None));
    }
}
