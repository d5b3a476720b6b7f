//! The place of one connection in its server's [`House`], from its acceptance to its end.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::{
    Limits,
    house::{House, Id, Peer, Verdict},
};

/// The places of one server.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    house: Mutex<House>,
    /// Tells a connection, by its number, to close.
    closers: Mutex<HashMap<Id, Arc<Notify>>>,
    /// Something has changed that newcomers may wait for.
    changed: Notify,
}

/// The place of one connection, which every request over it has as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    id: Id,
    shared: Arc<Shared>,
    close: Arc<Notify>,
    /// A request is being answered, or was the last time that the connection was looked at.
    has_begun: AtomicBool,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let house = Mutex::new(House::new(limits));
        Self(Arc::new(Shared { house, closers: Mutex::default(), changed: Notify::new() }))
    }

    /// Waits for a place, and closes no connection for it.
    pub(super) async fn wait(&self, peer: Peer) -> Place {
        loop {
            let changed = self.0.changed.notified();
            let taken = self.0.house().take(peer, Instant::now());
            match taken {
                Some(id) => return self.place(id),
                None => changed.await,
            }
        }
    }

    /// Finds a place for a newcomer, if need be instead of an idle connection. Returns `None` if there is none.
    pub(super) async fn admit(&self, peer: Peer) -> Option<Place> {
        loop {
            let changed = self.0.changed.notified();
            let verdict = self.0.house().admit(peer, Instant::now());
            match verdict {
                Verdict::Admitted(id, closed) => {
                    if let Some(closed) = closed {
                        self.0.close(closed);
                    }
                    return Some(self.place(id));
                }
                Verdict::Refused => return None,
                Verdict::Wait(until) => {
                    let _ = tokio::time::timeout_at(until.into(), changed).await;
                }
            }
        }
    }

    fn place(&self, id: Id) -> Place {
        let close = Arc::new(Notify::new());
        self.0.closers().insert(id, Arc::clone(&close));
        let has_begun = AtomicBool::new(false);
        Place(Arc::new(Held { id, shared: Arc::clone(&self.0), close, has_begun }))
    }
}

impl Shared {
    fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closers(&self) -> MutexGuard<'_, HashMap<Id, Arc<Notify>>> {
        self.closers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, id: Id) {
        if let Some(close) = self.closers().get(&id) {
            close.notify_one();
        }
    }
}

impl Place {
    /// Waits until the connection is to be closed for another one.
    pub(super) async fn closed(&self) {
        self.0.close.notified().await;
    }

    /// Returns whether a connection that is to be closed may finish what it has begun: an answer that is being sent, or one
    /// to a request that came in the same moment.
    pub(super) fn may_finish(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed) && self.0.shared.house().may_finish()
    }

    /// Notes that a request was received. It is being answered until the returned value is dropped.
    pub(super) fn answer(&self) -> Answering {
        self.0.has_begun.store(true, Ordering::Relaxed);
        self.0.shared.house().begin(self.0.id);
        Answering(self.clone())
    }

    /// Notes since when the client takes nothing. `None` if it does.
    pub(super) fn stall(&self, since: Option<Instant>) {
        self.0.shared.house().stall(self.0.id, since);
        self.0.shared.changed.notify_waiters();
    }

    /// Exchanges the place of a connection for one of a stream, until the connection ends. Returns whether there was one
    /// left.
    pub(crate) fn become_stream(&self) -> bool {
        let is_stream = self.0.shared.house().become_stream(self.0.id);
        self.0.shared.changed.notify_waiters();
        is_stream
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.closers().remove(&self.id);
        self.shared.house().remove(self.id);
        self.shared.changed.notify_waiters();
    }
}

/// A request that is being answered.
pub(super) struct Answering(Place);

impl Drop for Answering {
    fn drop(&mut self) {
        let Held { id, shared, close, has_begun } = &*self.0.0;
        if shared.house().end(*id, Instant::now()) {
            // The last bytes may not be sent yet.
            close.notify_one();
        } else {
            has_begun.store(false, Ordering::Relaxed);
        }
        shared.changed.notify_waiters();
    }
}

/// A response's body, which notes its end.
pub(super) struct Noted {
    body: Body,
    _answering: Answering,
}

impl Noted {
    pub(super) fn new(body: Body, answering: Answering) -> Self {
        Self { body, _answering: answering }
    }
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
