//! One request for a page, of which only the status and the size are kept.

use axum::{BoxError, body::Body};
use futures_util::StreamExt as _;
use hyper::Response;
use netmon_model::lab::Url;
use tokio::net::TcpStream;

use crate::http::exchange;

/// What a server responded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Bytes of the page.
    pub(super) bytes: u64,
}

/// Requests a page and reads it to its end, or until `is_enough` returns true for the bytes so far.
pub(super) async fn fetch(
    stream: TcpStream,
    url: &Url,
    is_enough: impl Fn(u64) -> bool,
) -> Result<Fetched, BoxError> {
    let read = async |response: Response<Body>| {
        let status = response.status().as_u16();
        let mut page = response.into_body().into_data_stream();
        let mut bytes = 0;
        while let Some(piece) = page.next().await {
            bytes += piece?.len() as u64;
            if is_enough(bytes) {
                break;
            }
        }
        Ok(Fetched { status, bytes })
    };
    exchange(stream, &url.address.to_string(), &url.path, read).await
}
