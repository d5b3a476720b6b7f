//! An agent's stream, as a client of its own receives it.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _};
use netmon::api::{
    Event,
    client::{Client, ClientError},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::agent::ADDRESS;

const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of the agent in this sandbox.
pub struct Followed {
    runtime: Runtime,
    events: Pin<Box<dyn Stream<Item = Result<Event, ClientError>>>>,
}

impl Followed {
    /// Begins a stream.
    ///
    /// # Panics
    ///
    /// If there is no event loop to be had.
    #[must_use]
    pub fn start(with_history: bool) -> Self {
        // On this thread, which is in the sandbox's network namespace.
        let runtime = Builder::new_current_thread().enable_all().build().expect("an event loop");
        let client = Client::new(ADDRESS.parse::<SocketAddr>().expect("an address"));
        let events = {
            let _entered = runtime.enter();
            Box::pin(client.stream(with_history))
        };
        Self { runtime, events }
    }

    /// Returns the next event. `None` at the end of the stream.
    ///
    /// # Panics
    ///
    /// If it does not come in time, or the stream ends with an error.
    pub fn event(&mut self) -> Option<Event> {
        let next = async { timeout(PATIENCE, self.events.next()).await };
        let event = self.runtime.block_on(next).expect("an event in time");
        event.map(|event| event.unwrap_or_else(|error| panic!("{error}")))
    }
}
