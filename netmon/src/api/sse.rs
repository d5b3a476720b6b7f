//! Server-sent events (WHATWG HTML, 9.2): bytes become messages, wherever they are cut.
//!
//! Ids and reconnection times are ignored: the first event of a stream is the whole state.

use std::collections::VecDeque;

use thiserror::Error;

/// The longest message, and so the longest line: a thousand links take about a megabyte.
const MAX_BYTES: usize = 64 << 20;

/// A message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// The name of the event; empty if it has none.
    pub(super) event: String,
    /// The data, its lines joined by line feeds.
    pub(super) data: String,
}

/// The stream cannot be read further.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an event of more than {MAX_BYTES} bytes")]
pub(super) struct TooLong;

/// What was received of a stream, and not taken yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// The message that has not ended yet.
    message: Message,
    has_data: bool,
    /// The last byte was a carriage return, so a line feed that follows belongs to it.
    after_return: bool,
    complete: VecDeque<Message>,
}

impl Parser {
    /// Adds bytes as they were received.
    ///
    /// # Errors
    ///
    /// Fails if a message is too long.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let is_second_half = self.after_return && at == 0 && rest[0] == b'\n';
            self.line.extend_from_slice(&rest[..at]);
            self.after_return = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if !is_second_half {
                self.end_line();
            }
        }
        self.after_return &= rest.is_empty();
        self.line.extend_from_slice(rest);
        let length = self.line.len() + self.message.data.len();
        if length > MAX_BYTES { Err(TooLong) } else { Ok(()) }
    }

    /// Takes the next complete message. Returns `None` until there is one.
    pub(super) fn next(&mut self) -> Option<Message> {
        self.complete.pop_front()
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            if std::mem::take(&mut self.has_data) {
                self.complete.push_back(message);
            }
            return;
        }
        // A comment begins with a colon: it is a field without a name.
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "data" => self.add_data(value),
            _ => {}
        }
    }

    fn add_data(&mut self, value: &str) {
        if self.has_data {
            self.message.data.push('\n');
        }
        self.has_data = true;
        self.message.data.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "retry: 2000\n\nevent: topology\ndata: {\"name\":\"caf\u{e9}\"}\n\n:\n\n\
        event: rates\r\ndata: {}\r\n\r\ndata:one\rdata: two\r\revent: nothing\n\ndata\n\nevent: cut\ndata: off";

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.to_owned(), data: data.to_owned() }
    }

    fn parsed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Message> {
        let mut parser = Parser::default();
        for piece in pieces {
            parser.push(piece).unwrap();
        }
        std::iter::from_fn(|| parser.next()).collect()
    }

    #[test]
    fn messages_have_a_name_and_lines_of_data_and_comments_are_skipped() {
        let expected = [
            message("topology", "{\"name\":\"caf\u{e9}\"}"),
            message("rates", "{}"),
            message("", "one\ntwo"),
            message("", ""),
        ];
        assert_eq!(parsed([STREAM.as_bytes()]), expected);
    }

    #[test]
    fn every_byte_by_itself_gives_the_same() {
        assert_eq!(parsed(STREAM.as_bytes().chunks(1)), parsed([STREAM.as_bytes()]));
    }

    proptest! {
        #[test]
        fn a_stream_may_be_cut_anywhere(cuts in prop::collection::vec(0..STREAM.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]);
            prop_assert_eq!(parsed(pieces), parsed([STREAM.as_bytes()]));
        }

        #[test]
        fn anything_may_be_received(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut parser = Parser::default();
            prop_assert!(parser.push(&bytes).is_ok());
            while parser.next().is_some() {}
        }
    }

    #[test]
    fn a_message_without_an_end_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 1 << 20];
        let refused = (0..100).map(|_| parser.push(&piece)).position(|result| result == Err(TooLong));
        assert_eq!(refused, Some(64));
    }
}
