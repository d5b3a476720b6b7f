//! Sums over the last frames of a link: what a row or a chart shows.

use std::collections::BTreeMap;

use netmon_model::{by::Ends, names::Side};

use super::{
    data::{EndFrame, Frame, Latency, LinkFrame, Pass, SIDES},
    figures::to_f64,
};

/// What passed a link in a window of one or several frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Window {
    /// The length of the window, without frames in which the link was not known.
    pub(crate) ms: f64,
    /// By the end that packets left. `None` if it is not known.
    pub(crate) passed: Ends<Option<Pass>>,
    /// What each end saw.
    pub(crate) ends: Ends<EndFrame>,
}

impl Window {
    /// Sums what passed link number `index`. Medians are those of the frames, weighted by their samples; the 99th
    /// percentile is the largest of the frames. Octaves are left out: [`octaves`] adds those.
    pub(crate) fn of<'f>(frames: impl IntoIterator<Item = &'f Frame>, index: usize) -> Self {
        let mut window = Self::default();
        for frame in frames {
            if let Some(link) = frame.links.get(index).and_then(Option::as_ref) {
                window.add(link, frame.window_ms);
            }
        }
        window
    }

    fn add(&mut self, link: &LinkFrame, ms: f64) {
        self.ms += ms;
        for side in SIDES {
            if let Some(pass) = &link.passed[side] {
                self.passed[side].get_or_insert_default().add(pass);
            }
            if let Some(end) = &link.ends[side] {
                self.ends[side].add(end);
            }
        }
    }

    /// Returns a rate. `None` without a frame.
    pub(crate) fn per_second(&self, count: u64) -> Option<f64> {
        (self.ms > 0.0).then(|| to_f64(count) * 1000.0 / self.ms)
    }

    /// Returns bits per second that left an end. `None` if that direction is not known.
    pub(crate) fn bits_from(&self, side: Side) -> Option<f64> {
        self.per_second(self.passed[side].as_ref()?.bits())
    }

    /// Adds a figure of both directions. `None` if neither has it.
    pub(crate) fn sum(&self, figure: impl Fn(&Pass) -> Option<u64>) -> Option<u64> {
        self.known().filter_map(figure).reduce(|one, other| one + other)
    }

    /// Returns the larger of a latency of both directions. `None` if neither has it.
    pub(crate) fn worst(&self, figure: impl Fn(&Latency) -> Option<u64>) -> Option<u64> {
        self.known().filter_map(|pass| figure(pass.latency.as_ref()?)).max()
    }

    /// Returns whether a packet was lost.
    pub(crate) fn loses(&self) -> bool {
        self.sum(|pass| pass.lost).is_some_and(|lost| lost > 0)
    }

    fn known(&self) -> impl Iterator<Item = &Pass> {
        self.passed.iter().flatten()
    }
}

impl Pass {
    fn add(&mut self, later: &Self) {
        self.packets_total = later.packets_total.or(self.packets_total);
        self.lost_total = later.lost_total.or(self.lost_total);
        self.packets += later.packets;
        self.wire_bytes += later.wire_bytes;
        self.lost = sum(self.lost, later.lost);
        if let Some(latency) = &later.latency {
            self.latency.get_or_insert_default().add(latency);
        }
    }
}

impl Latency {
    fn add(&mut self, later: &Self) {
        self.p50_ns = weighted((self.p50_ns, self.count), (later.p50_ns, later.count));
        self.p99_ns = self.p99_ns.max(later.p99_ns);
        self.max_bound_ns = match (self.count, later.count) {
            (0, _) => later.max_bound_ns,
            (_, 0) => self.max_bound_ns,
            // `None` with samples: one was beyond the last bucket, and no later frame takes that back.
            _ => self.max_bound_ns.zip(later.max_bound_ns).map(|(one, other)| one.max(other)),
        };
        self.count += later.count;
    }

    fn by_octave(&self) -> impl Iterator<Item = (u32, u64)> {
        (self.first_octave..).zip(self.octaves.iter().copied())
    }
}

/// Returns the latencies of a direction in a frame. `None` if they are not known.
pub(crate) fn latency(frame: &Frame, index: usize, from: Side) -> Option<&Latency> {
    frame.links.get(index)?.as_ref()?.passed[from].as_ref()?.latency.as_ref()
}

/// Returns bits per second of both directions of a link in a frame. `None` if neither is known.
pub(crate) fn bits(frame: &Frame, index: usize) -> Option<f64> {
    let link = frame.links.get(index)?.as_ref()?;
    let bits = link.passed.iter().flatten().map(Pass::bits).reduce(|one, other| one + other)?;
    (frame.window_ms > 0.0).then(|| to_f64(1000 * bits) / frame.window_ms)
}

/// Returns samples by octave, from the first octave with samples to the last, without a gap.
pub(crate) fn octaves<'l>(latencies: impl IntoIterator<Item = &'l Latency>) -> Vec<(u32, u64)> {
    let mut sums = BTreeMap::new();
    for (octave, samples) in latencies.into_iter().flat_map(Latency::by_octave) {
        *sums.entry(octave).or_insert(0) += samples;
    }
    sums.retain(|_, samples| *samples > 0);
    let bounds = sums.keys().next().copied().zip(sums.keys().next_back().copied());
    let all = bounds.into_iter().flat_map(|(first, last)| first..=last);
    all.map(|octave| (octave, sums.get(&octave).copied().unwrap_or(0))).collect()
}

impl EndFrame {
    fn add(&mut self, later: &Self) {
        self.icmp_count += later.icmp_count;
        self.icmp_sum_ns += later.icmp_sum_ns;
        self.tcp_rtt_count += later.tcp_rtt_count;
        self.tcp_rtt_sum_ns += later.tcp_rtt_sum_ns;
        self.retransmits += later.retransmits;
        self.dropped = sum(self.dropped, later.dropped);
    }
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        _ => one.or(other),
    }
}

fn weighted((one, first): (Option<u64>, u64), (other, second): (Option<u64>, u64)) -> Option<u64> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    let samples = u128::from(first + second).max(1);
    let sum = u128::from(a) * u128::from(first) + u128::from(b) * u128::from(second);
    u64::try_from(sum / samples).ok()
}

/// Returns a figure of each of the last `cells` intervals, the newest last. Intervals without a frame are 0. A frame
/// that is longer than an interval fills several.
pub(crate) fn over_time(
    frames: &[&Frame],
    cells: usize,
    interval_ms: f64,
    figure: impl Fn(&Frame) -> Option<f64>,
) -> Vec<f64> {
    let mut values = vec![0.0; cells];
    let Some(newest) = frames.last() else { return values };
    for frame in frames {
        let Some(value) = figure(frame) else { continue };
        let age = to_f64(newest.at_ms.saturating_sub(frame.at_ms)) / interval_ms;
        let span = (frame.window_ms / interval_ms).max(1.0);
        for cell in whole(age)..whole(age + span) {
            if let Some(at) = cells.checked_sub(cell + 1) {
                values[at] = f64::max(values[at], value);
            }
        }
    }
    values
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an age is small and never below zero"
)]
fn whole(intervals: f64) -> usize {
    // A second of the stream lasts some milliseconds more or less than one.
    (intervals + 0.25).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(at_ms: u64, wire_bytes: u64, p99_ns: u64) -> Frame {
        let latency = Latency {
            count: 10,
            p50_ns: Some(p99_ns / 2),
            p99_ns: Some(p99_ns),
            max_bound_ns: Some(2 * p99_ns),
            first_octave: 10,
            octaves: Box::new([4, 6]),
        };
        let pass = Pass { wire_bytes, lost: Some(1), latency: Some(latency), ..Pass::default() };
        let passed = Ends { a: Some(pass), b: None };
        let link = LinkFrame { passed, ..LinkFrame::default() };
        Frame { at_ms, window_ms: 1000.0, links: vec![Some(link)], ..Frame::default() }
    }

    #[test]
    fn a_window_sums_its_frames_and_takes_the_worst_quantile() {
        let frames = [frame(1000, 1000, 4000), frame(2000, 2000, 8000)];
        let window = Window::of(&frames, 0);
        assert_eq!(window.bits_from(Side::A), Some(12_000.0));
        assert_eq!(window.bits_from(Side::B), None, "not known is not zero");
        assert_eq!(window.worst(|latency| latency.p99_ns), Some(8000));
        assert_eq!(window.worst(|latency| latency.p50_ns), Some(3000));
        assert_eq!(window.sum(|pass| pass.lost), Some(2));
        assert_eq!(
            octaves(frames.iter().filter_map(|frame| latency(frame, 0, Side::A))),
            [(10, 8), (11, 12)]
        );
    }

    #[test]
    fn octaves_between_two_with_samples_are_shown_as_empty() {
        let latency =
            Latency { first_octave: 9, octaves: Box::new([0, 3, 0, 0, 1, 0]), ..Latency::default() };
        assert_eq!(octaves([&latency]), [(10, 3), (11, 0), (12, 0), (13, 1)]);
        assert!(octaves([]).is_empty());
    }

    #[test]
    fn an_unknown_link_has_an_empty_window() {
        assert_eq!(Window::of(&[frame(1000, 1, 1)], 7), Window::default());
    }

    #[test]
    fn cells_are_seconds_and_a_coarse_frame_fills_several() {
        let figure =
            |frame: &Frame| frame.links[0].as_ref()?.passed.a.as_ref().map(|pass| to_f64(pass.wire_bytes));
        let mut coarse = frame(10_004, 7, 1);
        coarse.window_ms = 4000.0;
        let frames = [coarse, frame(11_001, 1, 1), frame(13_000, 3, 1)];
        let frames: Vec<&Frame> = frames.iter().collect();
        assert_eq!(over_time(&frames, 8, 1000.0, figure), [0.0, 7.0, 7.0, 7.0, 7.0, 1.0, 0.0, 3.0]);
        assert_eq!(over_time(&[], 2, 1000.0, figure), [0.0, 0.0]);
    }
}
