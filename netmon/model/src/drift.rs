//! Drift: changes that other programs made to a part of the lab while it was watched.
//!
//! An endpoint's identity is its namespace and its number there, not its name. A renamed endpoint keeps its labels and
//! its counters, and its drift is reported beside them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::printable;

/// How an interface differs from the lab file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Drift {
    /// It was deleted.
    Deleted,
    /// It is in another namespace than the lab's.
    Moved,
    /// It exists and is down.
    SetDown,
    /// It has another name.
    Renamed {
        /// The name.
        to: String,
    },
    /// It is no longer a port of its bridge.
    OffBridge {
        /// The name.
        bridge: String,
    },
    /// It is a port of a bridge that is down.
    BridgeDown {
        /// The name.
        bridge: String,
    },
    /// Its namespace's name was deleted, or refers to another namespace now. The namespace stays alive while a process is in
    /// it, or the agent watches it.
    NamespaceUnnamed,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("was deleted by another program"),
            Self::Moved => f.write_str("was moved to another namespace by another program"),
            Self::SetDown => f.write_str("was set down by another program"),
            Self::Renamed { to } => {
                write!(f, "is called {} now; it is still watched, under its old name", printable(to))
            }
            Self::OffBridge { bridge } => write!(f, "is no longer a port of {}", printable(bridge)),
            Self::BridgeDown { bridge } => write!(f, "is a port of {}, which is down", printable(bridge)),
            Self::NamespaceUnnamed => {
                f.write_str("is in a namespace whose name was deleted; it stays alive while it is watched")
            }
        }
    }
}
