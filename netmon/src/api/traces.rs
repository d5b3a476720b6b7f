//! `/api/v1/traces`: the traces that `netmon trace` handed to the agent.

use netmon_model::trace::Trace;
use serde::{Deserialize, Serialize};

/// The traces, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// At most 16.
    pub traces: Vec<Trace>,
}
