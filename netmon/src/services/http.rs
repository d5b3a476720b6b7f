//! The built-in web server: something to talk to in a namespace that has nothing installed.
//!
//! It runs inside the supervisor; only its listening socket lives in the namespace. `GET /` answers with who
//! is asking whom, `/bytes/N` with N bytes, `/delay/MS` after MS milliseconds: a known size and a known wait
//! to try the measures on. It reads no file and runs nothing. Connections, header sizes and times are bounded.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, SERVER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use netmon_model::names::NsName;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

use super::{
    error::{ListenProblem, StartError},
    http_body::Payload,
    namespace,
};

/// The largest answer of `/bytes/N`.
const MOST_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// The longest wait of `/delay/MS`, in milliseconds.
const LONGEST_DELAY_MS: u64 = 60_000;
/// Connections at a time; further ones wait in the kernel's backlog.
const MOST_CONNECTIONS: usize = 256;
/// The request line and all headers together.
const HEADER_BYTES: usize = 16 * 1024;
/// The time for a request's headers, and of silence between two requests.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// The time after which a client that takes no more bytes is given up.
const STALLED_MS: u32 = 60_000;
/// The pause after a connection that could not be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A server that is bound and not yet serving.
pub(crate) struct HttpServer {
    namespace: NsName,
    address: SocketAddr,
    listener: TcpListener,
}

impl HttpServer {
    /// Binds the address inside the namespace, waiting a while for one that is not usable yet.
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

    /// Serves until the task is aborted; the connections end with it.
    pub(crate) async fn serve(self) {
        let here = Arc::new(Here { namespace: self.namespace, address: self.address });
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, client)) => {
                    let here = Arc::clone(&here);
                    connections.spawn(async move {
                        let _permit = permit;
                        serve_connection(stream, client, here).await;
                    });
                }
                // Out of descriptors, or a client that left at once: neither ends a server.
                Err(error) => {
                    log::debug!("cannot accept on {}: {error}", here.address);
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
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
struct Here {
    namespace: NsName,
    address: SocketAddr,
}

async fn serve_connection(stream: TcpStream, client: SocketAddr, here: Arc<Here>) {
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, STALLED_MS);
    let answer = service_fn(move |request| {
        let here = Arc::clone(&here);
        async move { Ok::<_, Infallible>(answer(&request, client, &here).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = connection.await {
        log::debug!("connection from {client}: {error}");
    }
}

async fn answer(request: &Request<Incoming>, client: SocketAddr, here: &Here) -> Response<Payload> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match Wanted::of(request.uri().path()) {
        Ok(Wanted::Page) => page(request, client, here),
        Ok(Wanted::Bytes(length)) => {
            response(StatusCode::OK, "application/octet-stream", Payload::filler(length))
        }
        Ok(Wanted::Delay(delay)) => {
            sleep(delay).await;
            page(request, client, here)
        }
        Err(problem) => text(StatusCode::BAD_REQUEST, problem),
    }
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Page,
    Bytes(u64),
    Delay(Duration),
}

impl Wanted {
    fn of(path: &str) -> Result<Self, &'static str> {
        if let Some(number) = path.strip_prefix("/bytes/") {
            let length = number.parse().ok().filter(|&length| length <= MOST_BYTES);
            length.map(Self::Bytes).ok_or("/bytes/N: N is a number of bytes, at most 10737418240\n")
        } else if let Some(number) = path.strip_prefix("/delay/") {
            let delay = number.parse().ok().filter(|&delay| delay <= LONGEST_DELAY_MS);
            let delay = delay.map(Duration::from_millis);
            delay.map(Self::Delay).ok_or("/delay/MS: MS is a number of milliseconds, at most 60000\n")
        } else {
            Ok(Self::Page)
        }
    }
}

fn page(request: &Request<Incoming>, client: SocketAddr, here: &Here) -> Response<Payload> {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let Here { namespace, address } = here;
    let (namespace, client) = (namespace.as_str(), client.to_string());
    if !accept.contains("text/html") {
        let page = format!(
            "Hello from {namespace}.\nYou are {client}, this is {address}.\n\
             Try also /bytes/1000000 and /delay/50.\n"
        );
        return text(StatusCode::OK, page);
    }
    let namespace = escape(namespace);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{namespace}</title>\n\
         <h1>Hello from {namespace}</h1>\n<p>You are <code>{client}</code>, this is <code>{address}</code>.</p>\n\
         <p>Try also <a href=\"/bytes/1000000\">/bytes/1000000</a> (that many bytes) and \
         <a href=\"/delay/50\">/delay/50</a> (an answer after 50 ms).</p></html>\n"
    );
    response(StatusCode::OK, "text/html; charset=utf-8", Payload::text(page))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Payload> {
    response(status, "text/plain; charset=utf-8", Payload::text(text))
}

fn response(status: StatusCode, content_type: &'static str, payload: Payload) -> Response<Payload> {
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("netmon"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_delays_beyond_the_bounds_are_refused() {
        assert_eq!(Wanted::of("/"), Ok(Wanted::Page));
        assert_eq!(Wanted::of("/index.html"), Ok(Wanted::Page));
        assert_eq!(Wanted::of("/bytes/10737418240"), Ok(Wanted::Bytes(MOST_BYTES)));
        assert_eq!(Wanted::of("/delay/60000"), Ok(Wanted::Delay(Duration::from_secs(60))));
        for path in ["/bytes/10737418241", "/bytes/-1", "/bytes/", "/delay/60001", "/delay/1.5", "/delay/x"] {
            assert!(Wanted::of(path).is_err(), "{path}");
        }
    }
}
