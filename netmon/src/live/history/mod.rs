//! What happened in the last fifteen minutes, in bounded memory.
//!
//! A frame is what happened on every link in one window. Frames get coarser with age: two neighbours become one, whose
//! numbers are the sums of both, so only the resolution in time is lost. If all frames together are larger than allowed,
//! more are merged, those first whose joint window is shortest for their age. So with many links the history becomes
//! coarser, not larger.

mod frame;
mod keys;
mod row;
mod varint;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::{Duration, UNIX_EPOCH},
};

use netmon_model::snapshot::Snapshot;

pub(crate) use self::keys::LinkKey;
use self::{frame::Frame, keys::Keys};
use super::LinkDelta;

/// How far back the history goes.
const SPAN: Duration = Duration::from_secs(15 * 60);
/// From each age on, windows up to this length are joined, the oldest first.
const COARSER: [(Duration, Duration); 2] = [
    (Duration::from_secs(5 * 60), Duration::from_secs(10)),
    (Duration::from_secs(2 * 60), Duration::from_secs(5)),
];
/// Readings are a little late. Without this, five windows of a second each would be longer than five seconds.
const TOLERANCE: Duration = Duration::from_millis(500);
/// Numbers of removed links are freed once there are more numbers than twice those in use, and this many in addition.
const SPARE_NUMBERS: usize = 64;

/// The history.
#[derive(Debug)]
pub(crate) struct History {
    max_bytes: usize,
    /// Oldest first.
    frames: VecDeque<Frame>,
    keys: Keys,
    /// [`History::sweep`] does nothing until there are more numbers than this.
    sweep_at: usize,
}

/// A window of the past.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    frame: Frame,
    /// The position of each number in the caller's order.
    positions: HashMap<u32, usize>,
    links: usize,
}

impl History {
    /// The span in seconds.
    pub(crate) const SECONDS: u64 = SPAN.as_secs();

    /// Creates an empty history that takes at most this much memory.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, frames: VecDeque::new(), keys: Keys::default(), sweep_at: SPARE_NUMBERS }
    }

    /// Returns the memory that it may take.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let frames: usize = self.frames.iter().map(Frame::bytes).sum();
        frames + self.frames.capacity() * size_of::<Frame>() + self.keys.bytes()
    }

    /// Adds what happened in the window that ended with `snapshot`, by its links.
    pub(crate) fn push(&mut self, snapshot: &Snapshot, length_ns: u64, links: &[Option<LinkDelta>]) {
        let mut numbered: Vec<(u32, &LinkDelta)> = Vec::with_capacity(links.len());
        for (link, delta) in snapshot.links.iter().zip(links) {
            let number = self.keys.number(link);
            numbered.extend(delta.as_ref().map(|delta| (number, delta)));
        }
        numbered.sort_unstable_by_key(|(number, _)| *number);
        let now_ns = snapshot.monotonic_ns;
        let unix_ms = snapshot.taken_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let unix_ms = u64::try_from(unix_ms).unwrap_or(u64::MAX);
        let window = (now_ns.saturating_sub(length_ns), now_ns);
        self.frames.push_back(Frame::new(window, unix_ms, numbered));
        self.forget_before(now_ns.saturating_sub(SPAN.as_nanos() as u64));
        self.thin(now_ns);
        self.sweep(snapshot);
        self.shrink(now_ns);
    }

    /// Returns the first window that began at `after_ns` or later, with the links in this order.
    ///
    /// A window that was merged meanwhile with one before `after_ns` is left out.
    pub(crate) fn after(&self, after_ns: u64, order: &[LinkKey]) -> Option<Past> {
        let frame = self.frames.iter().find(|frame| frame.start_ns >= after_ns)?.clone();
        let numbers = order.iter().enumerate().filter_map(|(at, key)| Some((self.keys.find(key)?, at)));
        Some(Past { frame, positions: numbers.collect(), links: order.len() })
    }

    fn forget_before(&mut self, oldest_ns: u64) {
        while self.frames.front().is_some_and(|frame| frame.end_ns < oldest_ns) {
            self.frames.pop_front();
        }
    }

    /// Makes old frames coarser.
    fn thin(&mut self, now_ns: u64) {
        let mut at = 0;
        while let Some(pair) = self.pair(at, now_ns) {
            let coarser = COARSER.iter().find(|(age, _)| pair.age >= *age);
            if coarser.is_some_and(|(_, longest)| pair.length <= *longest + TOLERANCE) {
                self.merge(at);
            } else {
                at += 1;
            }
        }
    }

    /// Merges frames until they take no more memory than they may.
    fn shrink(&mut self, now_ns: u64) {
        while self.bytes() > self.max_bytes && !self.frames.is_empty() {
            let pairs = (0..).map_while(|at| Some((at, self.pair(at, now_ns)?.coarseness())));
            match pairs.min_by(|(_, one), (_, other)| one.total_cmp(other)) {
                Some((at, _)) => self.merge(at),
                None => self.frames.clear(),
            }
            self.frames.shrink_to(2 * self.frames.len());
        }
    }

    /// Frees the numbers of links that are in no frame and not in `snapshot`, once there are enough of them.
    fn sweep(&mut self, snapshot: &Snapshot) {
        if self.keys.len() <= self.sweep_at {
            return;
        }
        let in_frames = self.frames.iter().flat_map(|frame| frame.links().map(|(number, _)| number));
        let mut used: BTreeSet<u32> = in_frames.collect();
        used.extend(snapshot.links.iter().map(|link| self.keys.number(link)));
        self.keys.keep(&used);
        self.sweep_at = 2 * self.keys.len() + SPARE_NUMBERS;
    }

    /// Returns the frame at this place and the next one, as one. `None` at the end.
    fn pair(&self, at: usize, now_ns: u64) -> Option<Pair> {
        let (first, second) = (self.frames.get(at)?, self.frames.get(at + 1)?);
        Some(Pair {
            length: Duration::from_nanos(second.end_ns - first.start_ns),
            age: Duration::from_nanos(now_ns.saturating_sub(second.end_ns)),
        })
    }

    fn merge(&mut self, at: usize) {
        if let Some(second) = self.frames.remove(at + 1)
            && let Some(first) = self.frames.get_mut(at)
        {
            *first = first.merged(&second);
        }
    }
}

/// Two neighbouring frames.
struct Pair {
    length: Duration,
    age: Duration,
}

impl Pair {
    /// The joint window in proportion to its age.
    fn coarseness(&self) -> f64 {
        self.length.as_secs_f64() / (self.age.as_secs_f64() + 1.0)
    }
}

impl Past {
    /// Returns the end of the window, monotonic.
    pub(crate) fn end_ns(&self) -> u64 {
        self.frame.end_ns
    }

    /// Returns the end of the window, in milliseconds since 1970.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.frame.unix_ms
    }

    /// Returns the length of the window in nanoseconds.
    pub(crate) fn length_ns(&self) -> u64 {
        self.frame.end_ns - self.frame.start_ns
    }

    /// Unpacks the links. `None` for a link that did not exist.
    pub(crate) fn links(&self) -> Vec<Option<LinkDelta>> {
        let mut links = vec![None; self.links];
        for (number, link) in self.frame.links() {
            if let Some(place) = self.positions.get(&number).and_then(|at| links.get_mut(*at)) {
                *place = Some(link);
            }
        }
        links
    }
}

#[cfg(test)]
mod tests;
