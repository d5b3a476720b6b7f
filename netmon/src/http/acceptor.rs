//! A server's connections: accepted up to a bound, served with deadlines, drained at the end.
//!
//! `axum::serve` bounds none of these. Which path gives what is the router's business; that every request only reads,
//! and is answered in time, is checked here, before the router sees it. Which connection is closed when there are too
//! many is decided by the [`house`](super::house).

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use futures_util::future::join_all;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tower::ServiceExt as _;

use super::{
    Limits,
    early::Early,
    house::Peer,
    place::{Noted, Place, Places},
    secure::Secure,
    socket::{Client, Connection, Listener, Observed},
};

/// Time for a refused client to send its request, and then to read the reason.
const REFUSAL_TIME: Duration = Duration::from_millis(250);
/// Time for a refused client to send its request.
const REQUEST_TIME: Duration = Duration::from_millis(100);
/// Pause after accept(2) failed for lack of descriptors or memory: an immediate retry would fail too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time for a connection that is closed for a newcomer to finish the answer that it has begun.
const LEAVING_TIME: Duration = Duration::from_secs(5);
/// At least this many clients at a time are told why they are refused.
const REFUSALS: usize = 64;

/// What happens to a connection beyond [`Limits::connections`].
#[derive(Clone, Debug)]
pub(crate) enum Overload {
    /// It waits in the kernel's backlog until another connection ends.
    Wait,
    /// It takes the place of an idle one. If there is none for a while, it gets this response and is closed.
    Refuse {
        /// The response, as it is sent.
        response: Bytes,
        /// How many were refused.
        refused: Arc<AtomicU64>,
    },
}

/// A server that has not started to accept.
pub(crate) struct Acceptor {
    listeners: Vec<Listener>,
    server: Server,
}

/// What all connections share.
#[derive(Clone)]
struct Server {
    router: Router,
    limits: Limits,
    overload: Overload,
    /// A place for each connection that is served.
    places: Places,
    /// A permit for each connection that is being refused. A client beyond these is closed without an answer.
    refusals: Arc<Semaphore>,
    /// How clients over TCP are secured. `None` if they are not.
    secure: Option<Arc<dyn Secure>>,
    /// Lines of headers for responses that pass no router.
    early_headers: Bytes,
}

impl Acceptor {
    /// Combines listening sockets with the routes that they serve, and the client's address as [`ConnectInfo`].
    pub(crate) fn new(listeners: Vec<Listener>, router: Router, limits: Limits, overload: Overload) -> Self {
        let time = limits.request_time;
        let router = router.layer(middleware::from_fn(move |request, next| bounded(time, request, next)));
        let refusals = Arc::new(Semaphore::new(limits.connections.max(REFUSALS)));
        let places = Places::new(&limits);
        Self {
            listeners,
            server: Server {
                router,
                limits,
                overload,
                places,
                refusals,
                secure: None,
                early_headers: Bytes::new(),
            },
        }
    }

    /// Adds these lines of headers to responses that pass no router.
    pub(crate) fn with_early_headers(mut self, lines: Bytes) -> Self {
        self.server.early_headers = lines;
        self
    }

    /// Secures clients over TCP.
    pub(crate) fn secured(mut self, secure: Option<Arc<dyn Secure>>) -> Self {
        self.server.secure = secure;
        self
    }

    /// Adds layers outside everything that the acceptor itself checks.
    pub(crate) fn wrap(mut self, layers: impl FnOnce(Router) -> Router) -> Self {
        self.server.router = layers(self.server.router);
        self
    }

    /// Serves until `shutdown` completes, and returns when every connection has ended, at the latest
    /// [`Limits::drain_time`] later. Connections are closed if the returned future is dropped.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let (closing, _) = watch::channel(());
        let Self { listeners, server } = self;
        let served = listeners.into_iter().map(|listener| server.serve(listener, closing.subscribe()));
        let mut served = std::pin::pin!(join_all(served));
        tokio::select! {
            _ = &mut served => return,
            () = shutdown => {}
        }
        closing.send_replace(());
        served.await;
    }
}

impl Server {
    async fn serve(&self, listener: Listener, mut closing: watch::Receiver<()>) {
        let (closed, mut connections) = (closing.clone(), JoinSet::new());
        loop {
            tokio::select! {
                _ = closing.changed() => break,
                () = self.accept(&listener, &closed, &mut connections) => {}
            }
            // Collects tasks that have ended, so that the set does not grow.
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(self.limits.drain_time, drained).await.is_err() {
            connections.shutdown().await;
        }
    }

    /// Accepts one connection and starts to serve or to refuse it.
    async fn accept(
        &self,
        listener: &Listener,
        closing: &watch::Receiver<()>,
        connections: &mut JoinSet<()>,
    ) {
        let reserved = match self.overload {
            Overload::Wait => Some(self.places.wait(Peer::Local).await),
            Overload::Refuse { .. } => None,
        };
        let (stream, client) = match listener.accept(&self.limits).await {
            Ok(accepted) => accepted,
            Err(error) => return pause_after(&error, listener).await,
        };
        if let Some(place) = reserved {
            connections.spawn(self.clone().answer(stream, client, place, closing.clone()));
            return;
        }
        match self.places.admit(client.peer).await {
            Some(place) => {
                connections.spawn(self.clone().answer(stream, client, place, closing.clone()));
            }
            None => self.begin_refusal((stream, client), connections),
        }
    }

    fn begin_refusal(&self, (stream, client): (Connection, Client), connections: &mut JoinSet<()>) {
        let Overload::Refuse { response, refused } = &self.overload else { return };
        refused.fetch_add(1, Ordering::Relaxed);
        // A client that speaks TLS would not understand it.
        if self.encryption(client).is_none()
            && let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned()
        {
            let response = response.clone();
            connections.spawn(async move {
                let _ = timeout(REFUSAL_TIME, refuse(stream, &response)).await;
                drop(permit);
            });
        }
    }

    /// Returns what encrypts the connection of a client. `None` if nothing does.
    fn encryption(&self, client: Client) -> Option<&Arc<dyn Secure>> {
        self.secure.as_ref().filter(|secure| client.address.is_some() && secure.is_encrypted())
    }

    /// Returns the connection, encrypted if it is to be. `None` if the client does not do its part, or the connection was to
    /// be closed meanwhile.
    async fn encrypted(
        &self,
        (stream, client): (Connection, Client),
        place: &Place,
        closing: &mut watch::Receiver<()>,
    ) -> Option<Connection> {
        let Some(secure) = self.encryption(client) else { return Some(stream) };
        let encrypted = tokio::select! {
            encrypted = timeout(self.limits.header_time, secure.encrypt(stream)) => encrypted,
            () = place.closed() => return None,
            _ = closing.changed() => return None,
        };
        match encrypted {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => log::debug!("no TLS with {client}: {error}"),
            Err(_) => log::debug!("no TLS with {client} within {:?}", self.limits.header_time),
        }
        None
    }

    /// Serves one connection until it ends, until it is closed for another one, or until `closing` changes and the
    /// response in flight is sent.
    async fn answer(
        self,
        stream: Connection,
        client: Client,
        place: Place,
        mut closing: watch::Receiver<()>,
    ) {
        let stream = Box::new(Observed::new(stream, place.clone()));
        let Some(stream) = self.encrypted((stream, client), &place, &mut closing).await else { return };
        let (router, answered) = (self.router, place.clone());
        let service = service_fn(move |request| {
            let (answering, request) = (answered.answer(), prepared(request, client, &answered));
            let response = router.clone().oneshot(request);
            async move { response.await.map(|response| response.map(|body| Noted::new(body, answering))) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_time)
            .max_header_size(self.limits.header_bytes)
            .serve_connection(TokioIo::new(Early::new(stream, self.early_headers)), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            // First, so that a request that has arrived is seen before the connection is closed.
            biased;
            ended = &mut connection => ended,
            () = place.closed() => {
                if !place.may_finish() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                timeout(LEAVING_TIME, connection).await.unwrap_or(Ok(()))
            }
            _ = closing.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            log::debug!("the HTTP connection from {client} ended early: {error}");
        }
    }
}

/// Adds what handlers may want to know of the client.
fn prepared(request: hyper::Request<hyper::body::Incoming>, client: Client, place: &Place) -> Request {
    let mut request = request.map(Body::new);
    if let Some(address) = client.address {
        request.extensions_mut().insert(ConnectInfo(address));
    }
    request.extensions_mut().insert(place.clone());
    request
}

async fn pause_after(error: &io::Error, listener: &Listener) {
    // A client that disconnects before it is accepted is no shortage.
    if error.kind() != io::ErrorKind::ConnectionAborted {
        log::warn!("cannot accept an HTTP connection on {listener}: {error}; retrying in {ACCEPT_PAUSE:?}");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Refuses a method that does not only read, and replaces a response that takes too long.
async fn bounded(time: Duration, request: Request, next: Next) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allowed, "this is read-only: GET or HEAD\n").into_response();
    }
    match timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("no answer within {time:?}\n")).into_response(),
    }
}

/// Reads the request, sends the reason, and waits for the client to close. A client that gets a response before it has
/// sent its request takes that for an error of the connection. If the server closed first, with the request unread, the
/// kernel would reset the connection and the client would lose the response.
async fn refuse(mut stream: Connection, response: &[u8]) -> io::Result<()> {
    let _ = timeout(REQUEST_TIME, read_request(&mut stream)).await;
    stream.write_all(response).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Reads up to the end of a request's head, or what is more than that.
async fn read_request(stream: &mut Connection) -> io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") && head.len() < 16 * part.len() {
        match stream.read(&mut part).await? {
            0 => break,
            length => head.extend_from_slice(&part[..length]),
        }
    }
    Ok(())
}
