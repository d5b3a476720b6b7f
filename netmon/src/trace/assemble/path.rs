//! The way of one run: from all events of its packets, those that lie on the way there and back.
//!
//! It is followed from its end to its beginning. What arrives at one end of a link left through the other; what leaves a
//! namespace arrived in it before. So copies that a bridge floods, and repetitions of a lost packet, stay beside the
//! way. Where the hook that must come before was not seen, the way has a gap.

use netmon_ebpf::trace::{ARRIVES, DROPPED, Event, LEAVES};

use super::place::{Key, Places};

/// A hook on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The interface.
    pub(super) key: Key,
    /// Whether the packet arrives there.
    pub(super) arrives: bool,
    /// The packet: its place in the exchange.
    pub(super) leg: u8,
    /// What kind of answer it is.
    pub(super) answer: u8,
    /// When.
    pub(super) time_ns: u64,
}

impl Step {
    fn of(event: &Event) -> Self {
        let Event { leg, answer, time_ns, .. } = *event;
        Self { key: key(event), arrives: event.hook == ARRIVES, leg, answer, time_ns }
    }

    /// Returns whether two steps are the same hook and packet.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.key, self.arrives, self.leg, self.answer) == (other.key, other.arrives, other.leg, other.answer)
    }
}

/// Returns the interface of an event.
pub(super) fn key(event: &Event) -> Key {
    (event.netns, event.ifindex)
}

/// The events of one run, in order of time.
pub(super) struct Events<'a> {
    places: &'a Places,
    /// The cookie of the namespace that sends.
    sender: u64,
    /// At hooks of the ladder.
    hooks: Vec<Step>,
    /// Drops.
    pub(super) drops: Vec<Event>,
}

impl<'a> Events<'a> {
    /// Takes the events of one run, up to its last leg.
    pub(super) fn new(places: &'a Places, sender: u64, events: &[Event], last_leg: u8) -> Self {
        let mut all: Vec<Event> = events.iter().filter(|event| event.leg <= last_leg).copied().collect();
        all.sort_by_key(|event| event.time_ns);
        let (drops, seen): (Vec<Event>, Vec<Event>) =
            all.into_iter().partition(|event| event.hook == DROPPED);
        let is_hook = |event: &&Event| {
            matches!(event.hook, ARRIVES | LEAVES) && places.interfaces.contains_key(&key(event))
        };
        let hooks = seen.iter().filter(is_hook).map(Step::of).collect();
        Self { places, sender, hooks, drops }
    }

    /// Returns how many events there are at hooks.
    pub(super) fn count(&self) -> usize {
        self.hooks.len()
    }

    /// Returns the way there and back, if the packet of the last leg arrived where the first one was sent.
    pub(super) fn there_and_back(&self, last_leg: u8) -> Option<Vec<Step>> {
        let is_last = |step: &Step| step.arrives && step.leg == last_leg && step.key.0 == self.sender;
        let at = self.hooks.iter().position(is_last)?;
        Some(self.way_to(at))
    }

    /// Returns the longest way that a packet was seen on, if it did not come back.
    pub(super) fn as_far_as_seen(&self) -> Vec<Step> {
        let ways = (0..self.hooks.len()).map(|at| self.way_to(at));
        ways.max_by_key(|way| (way.last().map(|last| last.leg), way.len())).unwrap_or_default()
    }

    /// Follows the way back from a step.
    fn way_to(&self, mut at: usize) -> Vec<Step> {
        let mut way = Vec::new();
        while let Some(step) = self.hooks.get(at) {
            way.push(*step);
            let Some(earlier) = self.before(at) else { break };
            at = earlier;
        }
        way.reverse();
        way
    }

    /// Returns the step that must come before, or the latest one if that was not seen. `None` at the beginning.
    fn before(&self, at: usize) -> Option<usize> {
        let step = self.hooks.get(at)?;
        if step.arrives { self.before_arrival(at, step) } else { self.before_departure(at, step) }
    }

    fn before_arrival(&self, at: usize, step: &Step) -> Option<usize> {
        let is_peer = |other: &Step| !other.arrives && self.places.are_peers((other.key, step.key));
        self.latest(at, |other| other.leg == step.leg && is_peer(other))
            .or_else(|| self.latest(at, |other| other.leg == step.leg))
            .or_else(|| self.latest(at, |other| other.leg < step.leg))
    }

    fn before_departure(&self, at: usize, step: &Step) -> Option<usize> {
        let enters = |other: &Step| other.arrives && other.key.0 == step.key.0;
        let found = self
            .latest(at, |other| other.leg == step.leg && enters(other))
            .or_else(|| self.latest(at, |other| other.leg + 1 == step.leg && enters(other)));
        if found.is_some() || (step.leg == 0 && step.key.0 == self.sender) {
            return found;
        }
        self.latest(at, |other| other.leg == step.leg)
            .or_else(|| self.latest(at, |other| other.leg < step.leg))
    }

    fn latest(&self, at: usize, is: impl Fn(&Step) -> bool) -> Option<usize> {
        self.hooks.get(..at)?.iter().rposition(is)
    }
}
