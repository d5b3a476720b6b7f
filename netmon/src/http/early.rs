//! The responses that hyper sends by itself: to a request that it cannot parse (400), and to one whose headers are too large
//! (431, 414). They pass no router, so what every response carries is added here, as they are written.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connection;

/// The end of a response's head.
const END: &[u8] = b"\r\n\r\n";

/// A connection that adds headers to hyper's own responses.
pub(super) struct Early {
    stream: Connection,
    /// Lines of headers, each with its end. Empty adds nothing.
    headers: Bytes,
    /// What hyper counts as written, and is not yet.
    rest: Vec<u8>,
}

impl Early {
    pub(super) fn new(stream: Connection, headers: Bytes) -> Self {
        Self { stream, headers, rest: Vec::new() }
    }

    /// Returns whether these bytes are one of hyper's own responses: a head alone, which says that nothing follows, and that the
    /// connection is closed. A router's response to a client's error has the headers already.
    fn is_own(&self, bytes: &[u8]) -> bool {
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        !self.headers.is_empty()
            && bytes.starts_with(b"HTTP/1.1 4")
            && bytes.ends_with(END)
            && contains(b"content-length: 0\r\n")
            && contains(b"connection: close\r\n")
            && !contains(&self.headers)
    }

    /// Writes what is left.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn replace(&mut self, head: &[u8]) {
        let lines = head.strip_suffix(b"\r\n").unwrap_or(head);
        self.rest = [lines, &self.headers, b"\r\n"].concat();
    }
}

impl AsyncRead for Early {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Early {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(context))?;
        if self.is_own(bytes) {
            self.replace(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(context))?;
        match pieces {
            [head] if self.is_own(head) => {
                self.replace(head);
                Poll::Ready(Ok(head.len()))
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
