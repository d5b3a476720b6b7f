//! The agent's HTTP interface.

mod source;

pub use self::source::{Readiness, SnapshotSource, SourceError};
