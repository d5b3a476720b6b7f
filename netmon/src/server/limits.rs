//! How much of the agent a client can take up.
//!
//! The interface is read-only, and on loopback unless told otherwise; still, a broken or hostile client
//! must not be able to hold the agent's memory, descriptors or time.

use std::time::Duration;

/// The bounds of the server. The default is what the agent uses; tests make them tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more is answered with 503 and closed.
    pub connections: usize,
    /// Bytes of a request's line and headers. More is answered with 431.
    pub header_bytes: usize,
    /// Time to send a request's headers in, and to keep an idle connection for.
    pub header_time: Duration,
    /// Time to make an answer in. Longer is answered with 503.
    pub request_time: Duration,
    /// How long a client may leave an answer unread before its connection is dropped.
    pub stall_time: Duration,
    /// How long answers in flight may go on after shutdown was asked for.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            header_bytes: 16 * 1024,
            // Longer than the usual scrape intervals of 1 s and 5 s, so that Prometheus keeps its connection.
            header_time: Duration::from_secs(10),
            request_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(10),
            drain_time: Duration::from_millis(400),
        }
    }
}
