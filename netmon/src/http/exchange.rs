//! A client's side of HTTP: one request over a connection that is already open, and its response.

use std::io;

use axum::{BoxError, body::Body};
use hyper::{Request, Response, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use netmon_model::server_address::ServerAddress;
use tokio::net::{TcpStream, UnixStream};

use super::{Connection, Duplex};

const USER_AGENT: &str = concat!("netmon/", env!("CARGO_PKG_VERSION"));

/// Connects to the server at `address`. The caller bounds the time.
///
/// # Errors
///
/// Fails if the server cannot be reached.
pub(crate) async fn connect(address: &ServerAddress) -> io::Result<Connection> {
    Ok(match address {
        ServerAddress::Tcp(address) => Box::new(TcpStream::connect(address).await?),
        ServerAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// Sends `GET path` to the server that is known as `host`, and returns what `read` makes of the response.
///
/// The body is still arriving while `read` runs, so `read` may stop before its end, or follow one that has none. The
/// caller bounds the time.
///
/// # Errors
///
/// Fails if the connection breaks or the peer does not speak HTTP, and with the error of `read`.
pub(crate) async fn exchange<T, F: Future<Output = Result<T, BoxError>>>(
    stream: impl Duplex + 'static,
    host: &str,
    path: &str,
    read: impl FnOnce(Response<Body>) -> F,
) -> Result<T, BoxError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .body(Body::empty())?;
    let exchange = async move { read(sender.send_request(request).await?.map(Body::new)).await };
    let mut exchange = std::pin::pin!(exchange);
    // Bytes only move while the connection is polled. It may end first, with the response already in memory.
    tokio::select! {
        result = &mut exchange => result,
        ended = connection => {
            ended?;
            exchange.await
        }
    }
}
