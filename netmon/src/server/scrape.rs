//! The text of a scrape, written on a thread for blocking work while it is being sent.
//!
//! A thousand links make 20 MB and more. Only the part that the client has not received yet is in memory, and the
//! client has the first bytes before the last are written. A short text is sent in one piece, with its length.

use std::{mem, ops::ControlFlow, sync::Arc};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    coding::{Coder, Coding},
    readings::{ReadError, Reading},
};
use crate::metrics::{Format, Renderer};

/// The writer is at most this many pieces ahead of the client.
const AHEAD: usize = 2;
/// A text of at most this size is sent in one piece.
const SHORT_BYTES: usize = 256 << 10;

/// The text of one scrape.
pub(super) struct Scrape {
    /// The format of the text.
    pub(super) format: Format,
    /// How the text is encoded.
    pub(super) coding: Coding,
    pieces: mpsc::Receiver<Bytes>,
    /// `None` once it has been joined.
    writer: Option<JoinHandle<()>>,
}

impl Scrape {
    /// Starts to write the text of `reading`.
    pub(super) fn start(
        reading: Reading,
        renderer: Arc<Renderer>,
        errors: [(&'static str, u64); 2],
        format: Format,
        coding: Coding,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let write = move || {
            let mut coder = Coder::new(coding);
            // Fails if the client has disconnected.
            let mut send = |piece: Bytes| match sender.blocking_send(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            renderer.render(&reading.snapshot, &errors, reading.began, format, |piece| {
                coder.add(piece).map_or(ControlFlow::Continue(()), &mut send)
            });
            if let Some(rest) = coder.finish() {
                let _ = send(rest);
            }
        };
        Self { format, coding, pieces, writer: Some(spawn_blocking(write)) }
    }

    /// Returns the next piece. If the writer panicked, the text ends with an error, not as if it were complete.
    async fn next(&mut self) -> Option<Result<Bytes, ReadError>> {
        if let Some(piece) = self.pieces.recv().await {
            return Some(Ok(piece));
        }
        self.writer.take()?.await.err().map(|panicked| Err(ReadError::Panicked(panicked)))
    }

    /// Returns the length of the body in bytes.
    pub(super) async fn length(mut self) -> Result<usize, ReadError> {
        let mut length = 0;
        while let Some(piece) = self.next().await {
            length += piece?.len();
        }
        Ok(length)
    }

    /// Returns the body of the response.
    pub(super) async fn body(mut self) -> Result<Body, ReadError> {
        let mut start = BytesMut::new();
        while start.len() <= SHORT_BYTES {
            match self.next().await {
                Some(piece) => start.extend_from_slice(&piece?),
                None => return Ok(start.freeze().into()),
            }
        }
        let rest = stream::unfold((start.freeze(), self), async |(mut start, mut scrape)| {
            let piece = match mem::take(&mut start) {
                empty if empty.is_empty() => scrape.next().await?,
                first => Ok(first),
            };
            Some((piece, (start, scrape)))
        });
        Ok(Body::from_stream(rest))
    }
}
