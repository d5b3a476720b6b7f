//! The text of a scrape on its way to whoever asked: written on a thread for blocking work while it is sent.
//!
//! Of a thousand links it is 20 MB and more. No more of it is held than the client is behind, and the client has
//! the first of it before the last is written. What is short is sent whole, with its length.

use std::{mem, ops::ControlFlow, sync::Arc};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::readings::{ReadError, Reading};
use crate::metrics::Renderer;

/// Pieces that the writer may be ahead of the client.
const AHEAD: usize = 2;
/// What is no longer than this is sent whole.
const SHORT_BYTES: usize = 256 << 10;

/// The text of one scrape.
pub(super) struct Scrape {
    pieces: mpsc::Receiver<Bytes>,
    /// None once it has ended.
    writer: Option<JoinHandle<()>>,
}

impl Scrape {
    /// Begins to write it.
    pub(super) fn begin(
        reading: Arc<Reading>,
        renderer: Arc<Renderer>,
        failures: [(&'static str, u64); 2],
    ) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let write = move || {
            renderer.render(&reading.snapshot, &failures, reading.began, |piece| {
                // The client may have gone.
                match sender.blocking_send(piece.into()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
        };
        Self { pieces, writer: Some(spawn_blocking(write)) }
    }

    /// The next piece. A text whose writer panicked ends with an error and not as if it were whole.
    async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        if let Some(piece) = self.pieces.recv().await {
            return Some(Ok(piece));
        }
        self.writer.take()?.await.err().map(|broken| Err(ReadError::Broken(broken)))
    }

    /// How long it is.
    pub(super) async fn length(mut self) -> Result<usize, ReadError> {
        let mut length = 0;
        while let Some(piece) = self.next().await {
            length += piece?.len();
        }
        Ok(length)
    }

    /// What is sent.
    pub(super) async fn body(mut self) -> Result<Body, ReadError> {
        let mut begun = BytesMut::new();
        while begun.len() <= SHORT_BYTES {
            match self.next().await {
                Some(piece) => begun.extend_from_slice(&piece?),
                None => return Ok(begun.freeze().into()),
            }
        }
        let rest = stream::unfold((begun.freeze(), self), async |(mut begun, mut scrape)| {
            let piece = match mem::take(&mut begun) {
                none if none.is_empty() => scrape.next().await?,
                first => Ok(first),
            };
            Some((piece, (begun, scrape)))
        });
        Ok(Body::from_stream(rest))
    }
}
