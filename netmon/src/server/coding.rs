//! Content codings: how a body is compressed.

use std::{io::Write as _, mem};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// Compressed bytes are passed on once there are this many.
const PIECE_BYTES: usize = 64 << 10;

/// A content coding (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    /// Not compressed.
    #[default]
    Identity,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// Returns the value of `content-encoding`. `None` if there is no such header.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// Encodes a text piece by piece.
pub(super) struct Coder(Option<GzEncoder<Vec<u8>>>);

impl Coder {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Identity => Self(None),
            // A scrape repeats itself so much that more effort makes it little smaller (docs/adr/0026).
            Coding::Gzip => Self(Some(GzEncoder::new(Vec::new(), Compression::fast()))),
        }
    }

    /// Encodes a text as a whole.
    pub(super) fn encode(coding: Coding, text: String) -> Bytes {
        let mut coder = Self::new(coding);
        let first = coder.add(text);
        match (first, coder.finish()) {
            (Some(first), Some(rest)) => [first, rest].concat().into(),
            (one, other) => one.or(other).unwrap_or_default(),
        }
    }

    /// Adds a piece. Returns what is to be sent, if that is enough to be sent by itself.
    pub(super) fn add(&mut self, piece: String) -> Option<Bytes> {
        let Some(encoder) = &mut self.0 else { return Some(piece.into()) };
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(piece.as_bytes());
        let ready = encoder.get_mut();
        (ready.len() >= PIECE_BYTES).then(|| mem::take(ready).into())
    }

    /// Returns the rest. `None` if there is none.
    pub(super) fn finish(self) -> Option<Bytes> {
        Some(self.0?.finish().ok()?.into())
    }
}
