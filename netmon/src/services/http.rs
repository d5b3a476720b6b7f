//! The built-in web server: a peer to talk to in a namespace that has no programs of its own.
//!
//! It runs inside the supervisor; only its listening socket is in the namespace. `GET /` returns both addresses of the
//! connection, `/bytes/N` returns N bytes, `/delay/MS` responds after MS milliseconds: a known size and a known
//! response time to check measurements against. It reads no file and runs no program.

use std::{io, iter, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Path, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, SERVER},
    },
    middleware,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use futures_util::stream;
use netmon_model::names::NsName;
use tokio::{net::TcpListener, time::sleep};

use super::{
    error::{ListenProblem, StartError},
    namespace,
};
use crate::http::{Acceptor, Limits, Overload};

/// The bounds of each server. Connections beyond them wait in the kernel's backlog: a load test should not see errors.
const LIMITS: Limits = Limits {
    connections: 256,
    streams: 0,
    header_bytes: 16 * 1024,
    header_time: Duration::from_secs(30),
    // The longest delay, and some time for the response itself.
    request_time: Duration::from_secs(70),
    stall_time: Duration::from_secs(60),
    drain_time: Duration::ZERO,
};
/// The largest N of `/bytes/N`: 10 GiB.
const MAX_BYTES: u64 = 10 << 30;
/// The largest MS of `/delay/MS`.
const MAX_DELAY_MS: u64 = 60_000;

/// A server that is bound and not serving yet.
pub(crate) struct HttpServer {
    namespace: NsName,
    address: SocketAddr,
    listener: TcpListener,
}

impl HttpServer {
    /// Binds the address inside the namespace, and waits up to 4 s for one that is not usable yet.
    pub(crate) async fn bind(
        service: &str,
        namespace: &NsName,
        address: SocketAddr,
    ) -> Result<Self, StartError> {
        let error = |problem| {
            let (service, namespace) = (service.to_owned(), namespace.clone());
            StartError::Listen { service, address, namespace, problem }
        };
        let listener =
            namespace::listen(namespace, address).await.map_err(|source| error(problem(source)))?;
        let other = |source| error(ListenProblem::Other(source));
        listener.set_nonblocking(true).map_err(other)?;
        let address = listener.local_addr().map_err(other)?;
        let listener = TcpListener::from_std(listener).map_err(other)?;
        Ok(Self { namespace: namespace.clone(), address, listener })
    }

    /// Serves until the task is aborted, which also closes the connections.
    pub(crate) async fn serve(self) {
        let router = router(self.namespace, self.address);
        Acceptor::new(vec![self.listener.into()], router, LIMITS, Overload::Wait)
            .run(std::future::pending())
            .await;
    }
}

fn problem(source: io::Error) -> ListenProblem {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenProblem::InUse,
        io::ErrorKind::AddrNotAvailable => ListenProblem::NoSuchAddress,
        _ => ListenProblem::Other(source),
    }
}

/// What the page says about the server.
struct Identity {
    namespace: NsName,
    address: SocketAddr,
}

fn router(namespace: NsName, address: SocketAddr) -> Router {
    let name_server = async |mut response: Response| {
        response.headers_mut().insert(SERVER, HeaderValue::from_static("netmon"));
        response
    };
    // `/bytes/` and `/delay/` without a number are mistakes, and not other pages.
    Router::new()
        .route("/bytes/", get(bytes))
        .route("/bytes/{*length}", get(bytes))
        .route("/delay/", get(delay))
        .route("/delay/{*milliseconds}", get(delay))
        .fallback(page)
        .layer(middleware::map_response(name_server))
        .with_state(Arc::new(Identity { namespace, address }))
}

async fn bytes(length: Result<Path<u64>, PathRejection>) -> Response {
    match length {
        Ok(Path(length)) if length <= MAX_BYTES => {
            let (kind, length_text) = ("application/octet-stream", length.to_string());
            ([(CONTENT_TYPE, kind), (CONTENT_LENGTH, &length_text)], filler(length)).into_response()
        }
        _ => refusal("/bytes/N: N is a number of bytes, at most 10737418240\n"),
    }
}

/// A body of this many bytes that takes no memory: the same piece, sent repeatedly.
fn filler(length: u64) -> Body {
    static PIECE: [u8; 64 * 1024] = [b'.'; 64 * 1024];
    let whole = (length / PIECE.len() as u64) as usize;
    let rest = (length % PIECE.len() as u64) as usize;
    let pieces = iter::repeat_n(&PIECE[..], whole).chain(iter::once(&PIECE[..rest]));
    Body::from_stream(stream::iter(pieces.map(|piece| Ok::<_, io::Error>(Bytes::from_static(piece)))))
}

async fn delay(
    milliseconds: Result<Path<u64>, PathRejection>,
    server: State<Arc<Identity>>,
    client: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    match milliseconds {
        Ok(Path(milliseconds)) if milliseconds <= MAX_DELAY_MS => {
            sleep(Duration::from_millis(milliseconds)).await;
            page(server, client, headers).await
        }
        _ => refusal("/delay/MS: MS is a number of milliseconds, at most 60000\n"),
    }
}

fn refusal(usage: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, usage).into_response()
}

async fn page(
    State(server): State<Arc<Identity>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (namespace, address) = (server.namespace.as_str(), server.address);
    if !accept.contains("text/html") {
        let page = format!(
            "Hello from {namespace}.\nYou are {client}, this is {address}.\n\
             Try also /bytes/1000000 and /delay/50.\n"
        );
        return page.into_response();
    }
    let namespace = escape(namespace);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{namespace}</title>\n\
         <h1>Hello from {namespace}</h1>\n<p>You are <code>{client}</code>, this is <code>{address}</code>.</p>\n\
         <p>Try also <a href=\"/bytes/1000000\">/bytes/1000000</a> (that many bytes) and \
         <a href=\"/delay/50\">/delay/50</a> (an answer after 50 ms).</p></html>\n"
    );
    Html(page).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn get(path: &str) -> Response {
        let client: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        let request = Request::get(path).extension(ConnectInfo(client)).body(Body::empty()).unwrap();
        let router = router("web".parse().unwrap(), "192.0.2.1:80".parse().unwrap());
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn sizes_and_delays_beyond_the_bounds_are_refused() {
        for path in ["/", "/index.html", "/bytes", "/bytes/10737418240", "/delay/60000"] {
            assert_eq!(get(path).await.status(), StatusCode::OK, "{path}");
        }
        for path in [
            "/bytes/10737418241",
            "/bytes/-1",
            "/bytes/",
            "/bytes/1/2",
            "/delay/60001",
            "/delay/1.5",
            "/delay/x",
        ] {
            assert_eq!(get(path).await.status(), StatusCode::BAD_REQUEST, "{path}");
        }
    }

    #[tokio::test]
    async fn as_many_bytes_are_sent_as_were_announced() {
        for length in [0, 1, 65_536, 65_537, 1_000_000] {
            let response = get(&format!("/bytes/{length}")).await;
            assert_eq!(response.headers()[CONTENT_LENGTH], length.to_string());
            assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap().len(), length);
        }
    }
}
