//! An iperf3 server in the lab `direct`: full rate, with all offloads.

use std::time::Duration;

use crate::{eventually::eventually, running::Running};

/// A server for one client at a time; ends with the test.
#[derive(Debug)]
pub struct IperfServer(Running);

impl IperfServer {
    /// Starts it in the namespace `direct_netns`, and waits until it listens. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start() -> Self {
        let words = ["netns", "exec", "direct_netns", "iperf3", "-s", "--forceflush"];
        let server = Self(Running::start("iperf3", "ip", &words).expect("iperf3 starts"));
        eventually("a server of iperf3", Duration::from_secs(20), || {
            server.0.output().contains("listening").then_some(())
        });
        server
    }
}
