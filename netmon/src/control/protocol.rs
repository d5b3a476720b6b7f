//! What is said on the control socket: one line of JSON a request, one a reply.

use std::path::PathBuf;

use netmon_model::{
    impairment::Change,
    names::{LinkName, Side},
};
use serde::{Deserialize, Serialize};

use crate::topology::TopologyError;

/// What an agent is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Remove the lab, also one that would stay, and end.
    Down,
    /// Make the lab as this file has it now; none is the built-in lab. Only what differs is changed.
    Change(Option<PathBuf>),
    /// Change what is done to the packets that leave through these ends of a link.
    Impair {
        /// The link.
        link: LinkName,
        /// Its ends.
        sides: Vec<Side>,
        /// What is changed.
        change: Change,
    },
    /// Take this link's hooks off and put them on as the asker says next, each time as a [`HookCommand`]. They
    /// are put on when the asker hangs up.
    Hooks(LinkName),
}

/// What is said after [`Request::Hooks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCommand {
    /// Take the hooks off.
    Off,
    /// Put them on.
    On,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What could not be done; empty when all was.
    pub errors: Vec<String>,
    /// Why nothing was done at all, when that is why.
    #[serde(default)]
    pub refused: Option<Refused>,
}

/// Why a change was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refused {
    /// The file is no lab, or another lab; or what is asked for does not go together.
    Invalid,
    /// Something that is not the lab's is in the way.
    Conflict,
    /// The kernel lacks something.
    Unsupported,
}

impl Refused {
    /// What an error means for whoever asked.
    #[must_use]
    pub fn of(error: &TopologyError) -> Option<Self> {
        match error {
            conflict if conflict.is_conflict() => Some(Self::Conflict),
            lacking if lacking.is_unsupported() => Some(Self::Unsupported),
            TopologyError::Impairment(_) | TopologyError::NoSuchLink { .. } => Some(Self::Invalid),
            _ => None,
        }
    }
}
