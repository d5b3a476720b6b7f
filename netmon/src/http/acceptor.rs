//! A server's connections: accepted up to a bound, served with deadlines, drained at the end.
//!
//! `axum::serve` bounds none of these. Which path gives what is the router's business; that every request only reads,
//! and is answered in time, is checked here, before the router sees it.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower::ServiceExt as _;

use super::{
    Limits,
    place::{Place, Places},
};

/// The response to a client for which there is no connection left.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
    content-length: 21\r\nretry-after: 1\r\nconnection: close\r\n\r\ntoo many connections\n";
/// Time for a refused client to read the reason.
const REFUSAL_TIME: Duration = Duration::from_millis(250);
/// Pause after accept(2) failed for lack of descriptors or memory: an immediate retry would fail too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What happens to a connection beyond [`Limits::connections`].
#[derive(Debug)]
pub(crate) enum Overload {
    /// It waits in the kernel's backlog until another connection ends.
    Wait,
    /// It is counted here, answered with 503 and closed.
    Refuse(Arc<AtomicU64>),
}

/// A server that has not started to accept.
pub(crate) struct Acceptor {
    listener: TcpListener,
    router: Router,
    limits: Limits,
    overload: Overload,
    /// A permit for each connection that is served.
    places: Places,
    /// A permit for each connection that is being refused. A client beyond these is closed without an answer.
    refusals: Arc<Semaphore>,
}

/// A connection, and its permit to be served. `None` if all connections are in use.
type Accepted = (TcpStream, SocketAddr, Option<Place>);

impl Acceptor {
    /// Combines a listening socket with the routes that it serves, and the client's address as [`ConnectInfo`].
    pub(crate) fn new(listener: TcpListener, router: Router, limits: Limits, overload: Overload) -> Self {
        let time = limits.request_time;
        let router = router.layer(middleware::from_fn(move |request, next| bounded(time, request, next)));
        let refusals = Arc::new(Semaphore::new(limits.connections));
        Self { listener, router, limits, overload, places: Places::new(&limits), refusals }
    }

    /// Adds layers outside everything that the acceptor itself checks.
    pub(crate) fn wrap(mut self, layers: impl FnOnce(Router) -> Router) -> Self {
        self.router = layers(self.router);
        self
    }

    /// Serves until `shutdown` completes, and returns when every connection has ended, at the latest
    /// [`Limits::drain_time`] later. Connections are closed if the returned future is dropped.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let (closing, _) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.accept() => match accepted {
                    Ok(accepted) => self.begin(accepted, &closing, &mut connections),
                    Err(error) => self.pause_after(&error).await,
                },
                // Collects tasks as they end, so that the set does not grow.
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        closing.send_replace(());
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.drain_time, drained).await.is_err() {
            connections.shutdown().await;
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        let place = match self.overload {
            Overload::Wait => self.places.wait().await,
            Overload::Refuse(_) => None,
        };
        let (stream, client) = self.listener.accept().await?;
        let place = place.or_else(|| self.places.take());
        Ok((stream, client, place))
    }

    fn begin(
        &self,
        (stream, client, place): Accepted,
        closing: &watch::Sender<()>,
        connections: &mut JoinSet<()>,
    ) {
        if let Some(place) = place {
            let client = Client { address: client, place };
            connections.spawn(serve(stream, client, self.router.clone(), self.limits, closing.subscribe()));
            return;
        }
        if let Overload::Refuse(refused) = &self.overload {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            connections.spawn(async move {
                let _ = tokio::time::timeout(REFUSAL_TIME, refuse(stream)).await;
                drop(permit);
            });
        }
    }

    async fn pause_after(&self, error: &io::Error) {
        // A client that disconnects before it is accepted is no shortage.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            let address = self.listener.local_addr().map_or_else(|_| "?".to_owned(), |own| own.to_string());
            log::warn!(
                "cannot accept an HTTP connection on {address}: {error}; retrying in {ACCEPT_PAUSE:?}"
            );
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Refuses a method that does not only read, and replaces a response that takes too long.
async fn bounded(time: Duration, request: Request, next: Next) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allowed, "this is read-only: GET or HEAD\n").into_response();
    }
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("no answer within {time:?}\n")).into_response(),
    }
}

/// The client of a connection.
struct Client {
    address: SocketAddr,
    place: Place,
}

/// Serves one connection until it ends, or until `closing` changes and the response in flight is sent.
async fn serve(
    stream: TcpStream,
    Client { address: client, place }: Client,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<()>,
) {
    let stall_ms = u32::try_from(limits.stall_time.as_millis()).unwrap_or(u32::MAX);
    // Bounds how long sent data may stay unacknowledged, a closed window included (tcp(7)).
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&stream, stall_ms) {
        log::debug!("cannot bound the time of the HTTP connection from {client}: {error}");
    }
    let _ = stream.set_nodelay(true);
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(client));
        request.extensions_mut().insert(place.clone());
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("the HTTP connection from {client} ended early: {error}");
    }
}

/// Sends the reason and waits for the client to close. If the server closed first, with the request unread, the kernel
/// would reset the connection and the client would lose the response.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(TOO_MANY).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
