//! The messages of the control socket: requests, and replies with a typed refusal.
//!
//! They are not versioned: a command and the agent it talks to are the same program. An agent that cannot parse a
//! request says so in its reply.

use std::{fmt, path::PathBuf};

use netmon_model::{
    error::chain,
    impairment::Change,
    names::{LinkName, Side},
    trace::Trace,
};
use serde::{Deserialize, Serialize};

use crate::topology::TopologyError;

/// A request to the agent of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Remove the lab, even if it was to stay, and exit.
    Down,
    /// Change the lab to what this file says; `None` is the built-in lab. Only differences are applied.
    Change(Option<PathBuf>),
    /// Change the impairment of packets that leave through some ends of a link.
    Impair {
        /// The link.
        link: LinkName,
        /// The ends through which the packets leave.
        sides: Vec<Side>,
        /// What to change.
        change: Change,
    },
    /// Let the client detach and reattach the hooks of this link with [`HookCommand`]s on the same connection.
    ///
    /// The agent reattaches them when the connection closes.
    Hooks(LinkName),
    /// Store this trace, and serve it over HTTP.
    Trace(Box<Trace>),
}

/// A command on the connection of a [`Request::Hooks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCommand {
    /// Detach the hooks.
    Off,
    /// Attach the hooks.
    On,
}

/// The reply to a [`Request`] or a [`HookCommand`], sent when the work has finished.
pub type Reply = Result<(), Refusal>;

/// The agent did not do what was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of reason.
    pub kind: RefusalKind,
    /// The reasons, at least one.
    pub messages: Vec<String>,
}

/// Why a lab was not changed. Each kind has an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefusalKind {
    /// The request is malformed, its lab file is invalid or describes another lab, there is no such link, or amounts
    /// contradict each other. Nothing was changed.
    Invalid,
    /// An object that the lab does not own is in the way. Nothing was changed.
    Conflict,
    /// The kernel lacks a feature. Nothing was changed.
    Unsupported,
    /// The work was attempted and failed; the messages say what could not be undone.
    Failed,
}

impl Refusal {
    /// Creates a refusal with one message.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, messages: vec![message.into()] }
    }

    /// Creates the reply for work that was attempted: a refusal of kind [`RefusalKind::Failed`] if there are messages.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn unless_empty(messages: Vec<String>) -> Reply {
        if messages.is_empty() { Ok(()) } else { Err(Self { kind: RefusalKind::Failed, messages }) }
    }
}

impl From<&TopologyError> for Refusal {
    fn from(error: &TopologyError) -> Self {
        Self::new(RefusalKind::from(error), chain(error))
    }
}

impl From<&TopologyError> for RefusalKind {
    fn from(error: &TopologyError) -> Self {
        match error {
            conflict if conflict.is_conflict() => Self::Conflict,
            lacking if lacking.is_unsupported() => Self::Unsupported,
            TopologyError::Impairment(_)
            | TopologyError::Settings(_)
            | TopologyError::NoSuchLink { .. }
            | TopologyError::InContainer(_) => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("\n  "))
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_that_names_the_kind_of_refusal() {
        let line = |reply: &Reply| serde_json::to_string(reply).unwrap();
        let refused: Reply = Err(Refusal::new(RefusalKind::Conflict, "namespace web\nalready exists"));
        assert_eq!(line(&Ok(())), r#"{"Ok":null}"#);
        assert_eq!(
            line(&refused),
            r#"{"Err":{"kind":"conflict","messages":["namespace web\nalready exists"]}}"#
        );
        assert_eq!(serde_json::from_str::<Reply>(&line(&refused)).unwrap(), refused);
    }

    #[test]
    fn work_without_messages_has_succeeded() {
        assert_eq!(Refusal::unless_empty(Vec::new()), Ok(()));
        let failed = Refusal::unless_empty(vec!["one".to_owned(), "two".to_owned()]).unwrap_err();
        assert_eq!((failed.kind, failed.to_string().as_str()), (RefusalKind::Failed, "one\n  two"));
    }
}
