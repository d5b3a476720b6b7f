//! `/api/v1/stream`: the state, the history if it is wanted, and then every second.
//!
//! A stream takes a place of its own and gives that of its connection back, so streams can never take the connections
//! that a Prometheus needs. Its connection ends with it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use super::feed::{Client, Feed, Published, encode};
use crate::api::{Bye, Event};

/// A comment is sent after this much silence, so that both sides notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a browser waits before it connects again.
const RETRY: &[u8] = b"retry: 2000\n\n";
const COMMENT: &[u8] = b":\n\n";
const NO_PLACE: &str = "all streams are in use; try again in 5 s\n";

/// What a stream contains: the query of the URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichStream {
    /// 1 for the history before the first second.
    #[serde(default)]
    history: u8,
}

/// One stream.
struct Listener {
    feed: Arc<Feed>,
    newest: watch::Receiver<Option<Arc<Published>>>,
    closing: watch::Receiver<bool>,
    _client: Client,
    next: Next,
    /// The generation that was sent last.
    generation: u64,
    /// The end of the window that was sent last.
    sent_ns: u64,
    wants_history: bool,
}

/// What is sent next.
enum Next {
    Retry,
    State,
    History(Arc<Published>),
    Seconds,
    Nothing,
}

/// Returns the headers of a stream.
fn headers() -> [(header::HeaderName, &'static str); 2] {
    [(header::CONTENT_TYPE, "text/event-stream"), (header::CONNECTION, "close")]
}

/// Returns what a request for the headers alone gets.
pub(super) fn head() -> Response {
    headers().into_response()
}

/// Returns what a client gets for which there is no place.
pub(super) fn refusal() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], NO_PLACE).into_response()
}

/// Starts a stream, which ends when `closing` becomes true.
pub(super) fn start(feed: Arc<Feed>, which: WhichStream, closing: watch::Receiver<bool>) -> Response {
    let listener = Listener::new(feed, which, closing);
    let pieces = stream::unfold(listener, async |mut listener| {
        let piece = listener.piece().await?;
        Some((Ok::<_, Infallible>(piece), listener))
    });
    (headers(), Body::from_stream(pieces)).into_response()
}

impl Listener {
    fn new(feed: Arc<Feed>, which: WhichStream, closing: watch::Receiver<bool>) -> Self {
        let (client, newest) = feed.join();
        Self {
            feed,
            newest,
            closing,
            _client: client,
            next: Next::Retry,
            generation: 0,
            sent_ns: 0,
            wants_history: which.history > 0,
        }
    }

    /// Returns the next bytes. `None` at the end.
    async fn piece(&mut self) -> Option<Bytes> {
        if matches!(self.next, Next::Nothing) {
            return None;
        }
        let mut closing = self.closing.clone();
        let result = tokio::select! {
            biased;
            _ = closing.wait_for(|is_closing| *is_closing) => None,
            event = timeout(KEEP_ALIVE, self.event()) => event.unwrap_or(Some(Bytes::from_static(COMMENT))),
        };
        Some(result.unwrap_or_else(|| {
            self.next = Next::Nothing;
            encode(&Event::Bye(Bye { reason: "shutdown".to_owned() }))
        }))
    }

    /// Returns the next events. `None` if there will be none. It may be dropped while it waits.
    async fn event(&mut self) -> Option<Bytes> {
        loop {
            match &self.next {
                Next::Retry => {
                    self.next = Next::State;
                    return Some(Bytes::from_static(RETRY));
                }
                Next::State => return self.state().await,
                Next::History(published) => {
                    let published = Arc::clone(published);
                    if let Some(past) = self.past(published).await {
                        return Some(past);
                    }
                    self.next = Next::Seconds;
                }
                Next::Seconds => {
                    self.newest.changed().await.ok()?;
                    if let Some(second) = self.second().await {
                        return Some(second);
                    }
                }
                Next::Nothing => return None,
            }
        }
    }

    async fn state(&mut self) -> Option<Bytes> {
        let published = self.newest.wait_for(Option::is_some).await.ok()?.clone()?;
        let text = text(&published).await?;
        self.generation = published.topology.generation;
        // Its last second is sent too, unless it is in the history.
        self.newest.mark_changed();
        self.next = if self.wants_history { Next::History(published) } else { Next::Seconds };
        Some(text)
    }

    async fn past(&mut self, published: Arc<Published>) -> Option<Bytes> {
        let (feed, after_ns) = (Arc::clone(&self.feed), self.sent_ns);
        let (end_ns, text) = spawn_blocking(move || feed.past(after_ns, &published)).await.ok()??;
        self.sent_ns = end_ns;
        Some(text)
    }

    /// Returns what is new since the last second: the topology if it has changed, and the rates.
    async fn second(&mut self) -> Option<Bytes> {
        let published = self.newest.borrow_and_update().clone()?;
        let mut pieces = Vec::new();
        if published.topology.generation != self.generation {
            pieces.push(text(&published).await?);
        }
        let is_new = published.end_ns > self.sent_ns;
        pieces.extend(published.rates.clone().filter(|_| is_new));
        (self.generation, self.sent_ns) = (published.topology.generation, published.end_ns.max(self.sent_ns));
        match pieces.len() {
            0 => None,
            1 => pieces.pop(),
            _ => Some(pieces.concat().into()),
        }
    }
}

/// Encodes the topology on a thread for blocking work: a thousand links would stall the connections of a worker thread.
async fn text(published: &Arc<Published>) -> Option<Bytes> {
    let published = Arc::clone(published);
    spawn_blocking(move || published.text()).await.ok()
}

#[cfg(test)]
mod tests {
    use netmon_model::{
        fixtures,
        snapshot::{Flow, Snapshot},
    };

    use super::*;
    use crate::{
        live::{Readiness, SnapshotSource, SourceError},
        server::readings::Readings,
    };

    /// A source that is not read: the readings are made up.
    struct Unread;

    impl SnapshotSource for Unread {
        fn snapshot(&self) -> Result<Snapshot, SourceError> {
            Err("nothing to read".into())
        }

        fn flows(&self) -> Vec<Flow> {
            Vec::new()
        }

        fn ready(&self) -> Readiness {
            Readiness::from_hooks(0, 0)
        }
    }

    fn feed() -> Arc<Feed> {
        let readings = Readings::new(Arc::new(Unread));
        Arc::new(Feed::new(Arc::new(readings), Some(1 << 20)))
    }

    fn read_at(second: u64) -> Snapshot {
        Snapshot { monotonic_ns: second * 1_000_000_000, ..fixtures::direct() }
    }

    /// Returns the next piece, and the windows' ends in it.
    async fn piece(listener: &mut Listener) -> String {
        String::from_utf8(listener.piece().await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_slow_client_skips_to_the_newest_second() {
        let feed = feed();
        let (_close, closing) = watch::channel(false);
        let mut listener = Listener::new(Arc::clone(&feed), WhichStream::default(), closing);
        feed.take(&read_at(10));
        assert_eq!(piece(&mut listener).await, "retry: 2000\n\n");
        assert!(piece(&mut listener).await.starts_with("event: topology\n"));
        for second in 11..20 {
            feed.take(&read_at(second));
        }
        assert!(piece(&mut listener).await.starts_with("event: rates\n"));
        assert_eq!(listener.sent_ns, 19_000_000_000, "the newest one, and not those that were missed");
        assert!(!listener.newest.has_changed().unwrap());
    }

    #[tokio::test]
    async fn clients_share_the_bytes_of_a_second() {
        let feed = feed();
        let (_close, closing) = watch::channel(false);
        let mut listeners =
            [(); 2].map(|()| Listener::new(Arc::clone(&feed), WhichStream::default(), closing.clone()));
        feed.take(&read_at(10));
        feed.take(&read_at(11));
        let mut seconds = Vec::new();
        for listener in &mut listeners {
            listener.piece().await;
            listener.piece().await;
            seconds.push(listener.piece().await.unwrap());
        }
        assert_eq!(seconds[0].as_ptr(), seconds[1].as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn a_comment_is_sent_when_nothing_else_is() {
        let feed = feed();
        let (_close, closing) = watch::channel(false);
        let mut listener = Listener::new(Arc::clone(&feed), WhichStream::default(), closing);
        listener.piece().await;
        assert_eq!(piece(&mut listener).await, ":\n\n");
    }
}
