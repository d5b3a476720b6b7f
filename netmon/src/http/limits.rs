//! How much of netmon a client of one of its servers can take up.
//!
//! A broken or hostile client must not be able to hold netmon's memory, descriptors or time, even though both servers
//! only read and one of them listens on loopback by default.

use std::time::Duration;

/// The bounds of a server. The default is what the agent's interface uses; tests make them tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of connections at a time.
    pub connections: usize,
    /// Maximum number of streams at a time, beside the connections.
    pub streams: usize,
    /// Maximum size of a request line and its headers. A larger request is answered with 431.
    pub header_bytes: usize,
    /// Time for a client to send the headers of a request, and of silence between two requests.
    pub header_time: Duration,
    /// Time for the server to begin a response. A later one is replaced by 503.
    pub request_time: Duration,
    /// A connection is dropped if its client accepts no data for this long.
    pub stall_time: Duration,
    /// Time for responses in flight after shutdown was requested.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            streams: 32,
            header_bytes: 16 * 1024,
            // Longer than the usual scrape intervals of 1 s and 5 s, so that Prometheus keeps its connection.
            header_time: Duration::from_secs(10),
            request_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(10),
            drain_time: Duration::from_millis(400),
        }
    }
}
