//! What somebody else did to a part of the lab while it was watched.
//!
//! An endpoint's identity is its namespace and its number there, not its name: one that is renamed keeps its labels
//! and its counters, and what happened to it is told beside them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an interface is not as the lab file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Drift {
    /// It is not there any more.
    Deleted,
    /// It is in another namespace, and not the lab's there.
    Moved,
    /// It is there and down.
    SetDown,
    /// It has another name.
    Renamed {
        /// Which one.
        to: String,
    },
    /// It was a port of a bridge.
    OffBridge {
        /// Which one.
        bridge: String,
    },
    /// It is a port of a bridge that is down.
    BridgeDown {
        /// Which one.
        bridge: String,
    },
    /// Its namespace's name was deleted, or stands for another namespace now. The namespace lives on while somebody
    /// is in it, and the agent that watches it is.
    NamespaceUnnamed,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("was deleted by somebody else"),
            Self::Moved => f.write_str("was moved to another namespace by somebody else"),
            Self::SetDown => f.write_str("was set down by somebody else"),
            Self::Renamed { to } => write!(f, "is called {to} now; it is still watched, under its old name"),
            Self::OffBridge { bridge } => write!(f, "is not a port of {bridge} any more"),
            Self::BridgeDown { bridge } => write!(f, "is a port of {bridge}, which is down"),
            Self::NamespaceUnnamed => {
                f.write_str("is in a namespace whose name was deleted; it lives on while it is watched")
            }
        }
    }
}
