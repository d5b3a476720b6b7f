//! One request for a page, of which nothing is kept but how much it was.

use std::{error::Error, future::poll_fn, pin::Pin};

use axum::body::Body;
use hyper::{Request, body::Body as _, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use netmon_model::lab::Url;
use tokio::net::TcpStream;

type BoxError = Box<dyn Error + Send + Sync>;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Bytes of the page.
    pub(super) bytes: u64,
}

/// Asks for a page and reads it to its end, or until `enough` says of the bytes so far that it is.
pub(super) async fn fetch(
    stream: TcpStream,
    url: &Url,
    enough: impl Fn(u64) -> bool,
) -> Result<Fetched, BoxError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&url.path)
        .header(header::HOST, url.address.to_string())
        .header(header::USER_AGENT, concat!("netmon/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Body::empty())?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let bytes = read(answer.into_body(), enough).await?;
        Ok::<_, BoxError>(Fetched { status, bytes })
    };
    // The connection has to be driven until the answer is complete; its own end is no news.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => {
            ended?;
            answer.await
        }
    }
}

async fn read(mut page: Incoming, enough: impl Fn(u64) -> bool) -> Result<u64, BoxError> {
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut page).poll_frame(context)).await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
        if enough(bytes) {
            break;
        }
    }
    Ok(bytes)
}
