//! The bodies that the built-in web server sends: a text, or a number of bytes from no memory.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// What is sent piece by piece; its content does not matter, its length does.
static FILLER: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// A body whose length is known from the start.
#[derive(Debug)]
pub(crate) enum Payload {
    /// What is left of a text.
    Text(Bytes),
    /// How many bytes are left.
    Filler(u64),
}

impl Payload {
    /// A text.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// So many bytes.
    pub(crate) fn filler(length: u64) -> Self {
        Self::Filler(length)
    }

    fn next(&mut self) -> Bytes {
        match self {
            Self::Text(text) => std::mem::take(text),
            Self::Filler(left) => {
                let length = usize::try_from(*left).map_or(FILLER.len(), |left| left.min(FILLER.len()));
                *left -= length as u64;
                Bytes::from_static(FILLER.get(..length).unwrap_or_default())
            }
        }
    }

    fn left(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Filler(left) => *left,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = (!self.is_end_stream()).then(|| Ok(Frame::data(self.next())));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_are_sent_as_were_announced() {
        for length in [0, 1, 65_536, 65_537, 1_000_000] {
            let mut payload = Payload::filler(length);
            assert_eq!(payload.size_hint().exact(), Some(length));
            let mut sent = 0;
            while !payload.is_end_stream() {
                sent += payload.next().len() as u64;
            }
            assert_eq!(sent, length);
        }
    }
}
