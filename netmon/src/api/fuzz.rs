//! An entry point for fuzz targets: what a client reads from an agent's stream.

use super::{
    Event,
    sse::{Message, Parser},
};

/// Reads `bytes` as a stream of events, in one piece and in pieces of `length` bytes. Returns how many events it has.
///
/// # Panics
///
/// If the messages depend on where the stream was cut, or an event that was read cannot be written.
#[must_use]
pub fn events(bytes: &[u8], length: usize) -> usize {
    let whole = messages([bytes]);
    assert_eq!(whole, messages(bytes.chunks(length.max(1))), "cut into pieces of {length} bytes");
    let events = whole.iter().filter_map(|message| Event::read(message).ok().flatten());
    events.map(|event| event.to_text().map_or_else(|error| panic!("{event:?}: {error}"), |_| 1)).sum()
}

fn messages<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Message> {
    let mut parser = Parser::default();
    let mut messages = Vec::new();
    for piece in pieces {
        if parser.push(piece).is_err() {
            break;
        }
        messages.extend(std::iter::from_fn(|| parser.next()));
    }
    messages
}
