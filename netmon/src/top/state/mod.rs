//! Everything that is drawn, as plain data: the topology, the last frames, and where the user is.
//!
//! `feed` changes it by what the agent says, `act` by what the user does. Neither does any I/O, so that a test can do
//! both and draw the outcome.

mod act;
mod details;
mod feed;
mod list;

use std::collections::VecDeque;

use netmon_model::{
    names::{LinkName, NsName},
    text::quoted,
};

pub(crate) use self::{
    act::Outcome,
    details::{Details, Want, key as flow_key},
    feed::{Answer, Message},
    list::List,
};
use super::{
    data::{Frame, Link, Topology},
    glyphs::Glyphs,
    palette::Palette,
    rows,
    table::Table,
    text,
};

/// How many seconds of frames are kept.
pub(crate) const KEPT_SECONDS: u64 = 120;
/// The seconds over which a link is said to lose packets.
pub(crate) const RECENT_SECONDS: u64 = 10;
/// The longest interval.
const MAX_INTERVAL: u64 = 64;

/// A list of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Links.
    #[default]
    Links,
    /// Namespaces.
    Namespaces,
    /// Connections.
    Connections,
    /// Dropped and lost packets.
    Drops,
    /// Probes.
    Probes,
}

impl View {
    /// All views, in display order.
    pub(crate) const ALL: [Self; 5] =
        [Self::Links, Self::Namespaces, Self::Connections, Self::Drops, Self::Probes];

    /// Returns the title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Links => "Links",
            Self::Namespaces => "Namespaces",
            Self::Connections => "Connections",
            Self::Drops => "Drops",
            Self::Probes => "Probes",
        }
    }
}

/// What a row was opened into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// A link.
    Link(LinkName),
    /// A namespace.
    Namespace(NsName),
}

/// Whether the agent can be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// No event has arrived yet.
    Waiting,
    /// Events arrive.
    Live,
    /// The connection was lost, and is tried again.
    Lost {
        /// Why.
        reason: String,
        /// For how long.
        seconds: u64,
    },
}

/// The state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The characters to draw with.
    pub(crate) glyphs: Glyphs,
    /// The styles to draw with.
    pub(crate) palette: Palette,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    /// Where the agent serves, for messages.
    pub(crate) address: String,
    /// Whether the agent can be heard.
    pub(crate) source: Source,
    /// The current topology; empty before the first event.
    pub(crate) topology: Topology,
    /// The last frames, the newest last.
    pub(crate) frames: VecDeque<Frame>,
    /// What was asked for in addition.
    pub(crate) details: Details,
    /// The view.
    pub(crate) view: View,
    /// Where the user is in each view.
    lists: [List; View::ALL.len()],
    /// What is open, over the view.
    pub(crate) open: Option<Open>,
    /// Lines of the open row that are scrolled away.
    pub(crate) scroll: u16,
    /// Whether the help is shown.
    pub(crate) has_help: bool,
    /// Whether keys edit the filter.
    pub(crate) is_editing: bool,
    /// Seconds between two pictures, and the window of figures.
    pub(crate) interval: u64,
    /// What has arrived since the picture was paused. `None` if it is not paused.
    pub(crate) paused: Option<VecDeque<Message>>,
    /// Seconds since the last picture.
    since_picture: u64,
}

impl State {
    /// Creates the state before the first event.
    pub(crate) fn new(glyphs: Glyphs, palette: Palette, size: (u16, u16)) -> Self {
        Self {
            glyphs,
            palette,
            size,
            address: String::new(),
            source: Source::Waiting,
            topology: Topology::default(),
            frames: VecDeque::new(),
            details: Details::default(),
            view: View::default(),
            lists: Default::default(),
            open: None,
            scroll: 0,
            has_help: false,
            is_editing: false,
            interval: 1,
            paused: None,
            since_picture: 0,
        }
    }

    /// Returns where the user is in the current view.
    pub(crate) fn list(&self) -> &List {
        &self.lists[self.view as usize]
    }

    fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.view as usize]
    }

    /// Returns the rows of the current view, filtered and sorted.
    pub(crate) fn table(&self) -> Table {
        let mut table = rows::of(self);
        let list = self.list();
        table.arrange(&list.filter, list.sort);
        table
    }

    /// Returns the frames of the last seconds, the oldest first.
    pub(crate) fn last(&self, seconds: u64) -> Vec<&Frame> {
        let Some(newest) = self.frames.back() else { return Vec::new() };
        // A quarter of a second of tolerance: a second of the stream is not exactly one.
        let from = newest.at_ms.saturating_sub(1000 * seconds - 250);
        let mut frames: Vec<&Frame> =
            self.frames.iter().rev().take_while(|frame| frame.at_ms > from).collect();
        frames.reverse();
        frames
    }

    /// Returns the frames of the figures in a picture.
    pub(crate) fn shown(&self) -> Vec<&Frame> {
        self.last(self.interval)
    }

    /// Returns all frames.
    pub(crate) fn all(&self) -> Vec<&Frame> {
        self.frames.iter().collect()
    }

    /// Returns a link of the topology, with its position.
    pub(crate) fn link(&self, name: &LinkName) -> Option<(usize, &Link)> {
        self.topology.links.iter().enumerate().find(|(_, link)| link.name == *name)
    }

    /// Returns a name that is safe to draw.
    pub(crate) fn safe(&self, name: impl AsRef<str>) -> String {
        text::visible(name.as_ref(), &self.glyphs)
    }

    /// Returns the data that the current view needs besides the stream.
    pub(crate) fn want(&self) -> Want {
        match (&self.open, self.view) {
            (Some(Open::Link(name)), _) => Want::Link(name.clone()),
            (None, View::Connections) => Want::Connections,
            (None, View::Drops) => Want::Drops,
            _ => Want::Nothing,
        }
    }

    /// Returns why the view is empty.
    pub(crate) fn empty_text(&self, table: &Table) -> String {
        let filter = &self.list().filter;
        if self.source == Source::Waiting || (self.frames.is_empty() && self.topology.links.is_empty()) {
            return format!("Waiting for the agent at {}", self.address);
        }
        if table.unfiltered > 0 {
            return format!("No row matches {}. Esc clears the filter.", quoted(filter));
        }
        rows::nothing(self)
    }
}
