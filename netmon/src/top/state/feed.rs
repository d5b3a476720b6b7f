//! What the agent says, taken into the state.

use std::collections::VecDeque;

use super::{KEPT_SECONDS, Source, State, Want};
use crate::{
    api::{Flows, Links},
    top::data::{Frame, Topology},
};

/// At most this many frames are kept, whatever their times say.
const MAX_FRAMES: usize = 2 * KEPT_SECONDS as usize;

/// What the agent says, or does not.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A topology: the first event of a stream, and whenever it changes.
    Topology(Topology),
    /// A frame from before the stream began.
    History(Frame),
    /// A second.
    Frame(Frame),
    /// The agent cannot be heard.
    Lost {
        /// Why.
        reason: String,
        /// For how long.
        seconds: u64,
    },
    /// What a view asked for in addition.
    Details(Want, Answer),
}

/// What was answered to a view.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Counts of links.
    Links(Links),
    /// Connections.
    Flows(Flows),
    /// The request failed.
    Failed(String),
}

impl State {
    /// Takes a message. Returns whether there is something new to draw. While the picture is paused, messages wait.
    pub(crate) fn apply(&mut self, message: Message) -> bool {
        let is_new = match (&mut self.paused, message) {
            (_, Message::Lost { reason, seconds }) => self.lose(reason, seconds),
            // A view that was opened meanwhile would stay empty.
            (Some(_), Message::Details(want, answer)) if self.details.has_no(&answer) => {
                self.answer(&want, answer)
            }
            (Some(waiting), message) => {
                self.source = Source::Live;
                wait(waiting, message);
                false
            }
            (None, message) => self.take(message),
        };
        if is_new {
            self.settle();
        }
        is_new
    }

    /// Stops the picture, or continues it with what has arrived meanwhile.
    pub(super) fn pause_or_continue(&mut self) {
        match self.paused.take() {
            None => self.paused = Some(VecDeque::new()),
            Some(waiting) => {
                for message in waiting {
                    self.take(message);
                }
            }
        }
    }

    fn lose(&mut self, reason: String, seconds: u64) -> bool {
        self.source = Source::Lost { reason, seconds };
        true
    }

    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Topology(topology) => self.take_topology(topology),
            Message::History(frame) => self.take_history(frame),
            Message::Frame(frame) => return self.take_frame(frame),
            Message::Lost { reason, seconds } => return self.lose(reason, seconds),
            Message::Details(want, answer) => return self.answer(&want, answer),
        }
        true
    }

    /// Takes an answer, unless the view that asked for it was left meanwhile.
    fn answer(&mut self, want: &Want, answer: Answer) -> bool {
        let is_wanted = *want == self.want();
        if is_wanted {
            self.details.take(answer);
        }
        is_wanted
    }

    fn take_topology(&mut self, topology: Topology) {
        self.source = Source::Live;
        if topology.started_at_ms == self.topology.started_at_ms {
            self.move_frames(&topology);
        } else {
            // Another agent: its counters began anew, and its clock may differ.
            self.frames.clear();
            self.details = super::Details::default();
        }
        self.topology = topology;
    }

    /// Gives what frames say of a link or a probe the position that it has in a new topology.
    fn move_frames(&mut self, topology: &Topology) {
        let old = &self.topology;
        let links = topology.links.iter().map(|link| old.links.iter().position(|was| was.name == link.name));
        let links: Vec<Option<usize>> = links.collect();
        if links.iter().enumerate().any(|(at, was)| *was != Some(at)) || links.len() != old.links.len() {
            for frame in &mut self.frames {
                let mut was = std::mem::take(&mut frame.links);
                let moved = links.iter().map(|at| was.get_mut((*at)?).and_then(Option::take));
                frame.links = moved.collect();
            }
        }
        let is_same = |(one, other): (&super::super::data::Probe, &super::super::data::Probe)| {
            (&one.from, &one.kind, &one.name) == (&other.from, &other.kind, &other.name)
        };
        if topology.probes.len() != old.probes.len() || !topology.probes.iter().zip(&old.probes).all(is_same)
        {
            self.frames.iter_mut().for_each(|frame| frame.probes.clear());
        }
    }

    /// Takes a frame of the history, unless it is known: after a lost connection, most of it is.
    fn take_history(&mut self, frame: Frame) {
        if self.frames.back().is_none_or(|newest| newest.at_ms < frame.at_ms) {
            self.keep(frame);
        }
    }

    /// Returns whether an interval has ended.
    fn take_frame(&mut self, frame: Frame) -> bool {
        let was_live = self.source == Source::Live;
        self.source = Source::Live;
        self.keep(frame);
        self.since_picture += 1;
        let is_due = self.since_picture >= self.interval || !was_live;
        if is_due {
            self.since_picture = 0;
        }
        is_due
    }

    fn keep(&mut self, frame: Frame) {
        let oldest = frame.at_ms.saturating_sub(1000 * KEPT_SECONDS);
        self.frames.push_back(frame);
        while self.frames.len() > MAX_FRAMES || self.frames.front().is_some_and(|first| first.at_ms < oldest)
        {
            self.frames.pop_front();
        }
    }
}

/// Adds a message to those that wait. Of frames, only the last are needed.
fn wait(waiting: &mut VecDeque<Message>, message: Message) {
    waiting.push_back(message);
    if waiting.len() > MAX_FRAMES {
        // A topology that frames after it refer to has to stay; the oldest frame need not.
        let oldest = waiting.iter().position(|message| !matches!(message, Message::Topology(_)));
        waiting.remove(oldest.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::{example, input::Action, state::View};

    fn names(state: &State) -> Vec<bool> {
        state.frames.back().map_or(Vec::new(), |frame| frame.links.iter().map(Option::is_some).collect())
    }

    #[test]
    fn frames_follow_their_links_into_a_new_topology() {
        let mut state = example::state(80, 24);
        let mut topology = state.topology.clone();
        topology.links.reverse();
        topology.links.insert(1, example::link("new", ("root", "veth9"), ("grey", "eth0")));
        let first = state.frames.back().unwrap().links[0].clone();
        let last = topology.links.len() - 1;
        assert!(state.apply(Message::Topology(topology)));
        assert_eq!(state.frames.back().unwrap().links[last], first);
        assert!(!names(&state)[1], "nothing is known of a new link");
    }

    #[test]
    fn another_agent_begins_with_an_empty_picture() {
        let mut state = example::state(80, 24);
        let mut topology = state.topology.clone();
        topology.started_at_ms += 1;
        state.apply(Message::Topology(topology));
        assert_eq!(state.frames.len(), 0);
    }

    #[test]
    fn history_that_is_known_is_not_taken_twice() {
        let mut state = example::state(80, 24);
        let (kept, newest) = (state.frames.len(), state.frames.back().cloned().unwrap());
        state.apply(Message::History(newest.clone()));
        assert_eq!(state.frames.len(), kept);
        state.apply(Message::History(Frame { at_ms: newest.at_ms + 1000, ..newest }));
        assert_eq!(state.frames.len(), kept + 1);
    }

    #[test]
    fn two_minutes_are_kept() {
        let mut state = example::state(80, 24);
        let newest = state.frames.back().cloned().unwrap();
        for second in 1..=500 {
            state.apply(Message::Frame(Frame { at_ms: newest.at_ms + 1000 * second, ..newest.clone() }));
        }
        assert_eq!(state.frames.len(), 121);
    }

    #[test]
    fn a_longer_interval_draws_less_often() {
        let mut state = example::state(80, 24);
        state.interval = 4;
        let frame = state.frames.back().cloned().unwrap();
        let drawn: Vec<bool> = (0..8).map(|_| state.apply(Message::Frame(frame.clone()))).collect();
        assert_eq!(drawn.iter().filter(|drawn| **drawn).count(), 2);
    }

    #[test]
    fn a_paused_picture_stands_still_and_continues_with_what_arrived() {
        let mut state = example::state(80, 24);
        state.pause_or_continue();
        let (before, frame) = (state.frames.len(), state.frames.back().cloned().unwrap());
        for second in 1..=400 {
            let frame = Frame { at_ms: frame.at_ms + 1000 * second, ..frame.clone() };
            assert!(!state.apply(Message::Frame(frame)), "nothing is drawn");
        }
        assert_eq!(state.frames.len(), before);
        assert_eq!(state.paused.as_ref().map(VecDeque::len), Some(MAX_FRAMES), "what waits is bounded");
        state.pause_or_continue();
        assert_eq!(state.frames.back().unwrap().at_ms, frame.at_ms + 400_000);
        assert_eq!(state.view, View::Links);
    }

    #[test]
    fn an_answer_to_a_view_that_was_left_is_not_taken() {
        let mut state = example::state(80, 24);
        let answer = || Answer::Links(example::counts());
        assert!(!state.apply(Message::Details(Want::Drops, answer())));
        state.act(Action::Show(View::Drops));
        assert!(state.apply(Message::Details(Want::Drops, answer())));
        assert!(state.details.links.is_some());
        state.act(Action::Show(View::Connections));
        assert!(state.details.links.is_none(), "another view begins with nothing");
        state.act(Action::Pause);
        state.act(Action::Show(View::Drops));
        assert!(
            state.apply(Message::Details(Want::Drops, answer())),
            "the first answer is shown, even if paused"
        );
        assert!(!state.apply(Message::Details(Want::Drops, answer())));
    }

    #[test]
    fn a_lost_connection_is_drawn_at_once_and_ends_with_the_next_second() {
        let mut state = example::state(80, 24);
        state.interval = 8;
        let frame = state.frames.back().cloned().unwrap();
        assert!(state.apply(Message::Lost { reason: "the agent has ended".to_owned(), seconds: 3 }));
        assert!(matches!(state.source, Source::Lost { seconds: 3, .. }));
        assert!(state.apply(Message::Frame(frame)));
        assert_eq!(state.source, Source::Live);
    }
}
