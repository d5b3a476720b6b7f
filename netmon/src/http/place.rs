//! The places of a server: so many connections, and so many streams beside them.
//!
//! A stream has no end, so a few of them would leave no connection for other clients. A connection that becomes a stream
//! therefore takes a place of another kind and gives its own back.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// The places of one server.
#[derive(Clone, Debug)]
pub(super) struct Places {
    connections: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// The place of one connection, which every request over it has as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    held: Arc<Mutex<Held>>,
    streams: Arc<Semaphore>,
}

#[derive(Debug)]
struct Held {
    is_stream: bool,
    /// Given back when it is dropped.
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let [connections, streams] = [limits.connections, limits.streams].map(Semaphore::new).map(Arc::new);
        Self { connections, streams }
    }

    /// Waits for a place.
    pub(super) async fn wait(&self) -> Option<Place> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
        Some(self.place(permit))
    }

    /// Takes a place. Returns `None` if there is none left.
    pub(super) fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(self.place(permit))
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let held = Held { is_stream: false, _permit: permit };
        Place { held: Arc::new(Mutex::new(held)), streams: Arc::clone(&self.streams) }
    }
}

impl Place {
    /// Exchanges the place of a connection for one of a stream, until the connection ends. Returns whether there was one
    /// left.
    pub(crate) fn become_stream(&self) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.is_stream
            && let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned()
        {
            *held = Held { is_stream: true, _permit: permit };
        }
        held.is_stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_takes_no_place_of_a_connection() {
        let places = Places::new(&Limits { connections: 1, streams: 2, ..Limits::default() });
        let mut streams = Vec::new();
        for _ in 0..2 {
            let place = places.take().unwrap();
            assert!(places.take().is_none(), "one connection at a time");
            assert!(place.become_stream() && place.become_stream());
            streams.push(place);
        }
        let connection = places.take().unwrap();
        assert!(!connection.become_stream(), "no place for a third stream");
        assert!(places.take().is_none(), "it is still a connection");
        streams.pop();
        assert!(connection.become_stream());
    }
}
