//! A service's output: logged line by line under `service::NAME`, whatever the program writes.
//!
//! Lines are bounded, bytes that are not UTF-8 are replaced, and control characters are shown instead of
//! obeyed, so that a program can neither fill the memory nor drive the terminal of whoever reads the log.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line in bytes; what a line has beyond is counted and left out.
const MAX_LINE: usize = 4096;
/// How many lines are kept for the report of an exit, and how much of each.
const TAIL_LINES: usize = 5;
const TAIL_CHARS: usize = 200;

/// Cuts a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
struct LineCutter {
    line: Vec<u8>,
    left_out: usize,
}

impl LineCutter {
    fn feed(&mut self, bytes: &[u8], mut emit: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = (MAX_LINE - self.line.len()).min(text.len());
            self.line.extend(text.iter().take(room));
            self.left_out += text.len() - room;
            if complete {
                self.end(&mut emit);
            }
        }
    }

    /// Emits what there is of a line, at its end or at the end of the stream.
    fn end(&mut self, mut emit: impl FnMut(&str)) {
        let text = printable(self.line.strip_suffix(b"\r").unwrap_or(&self.line));
        match std::mem::take(&mut self.left_out) {
            0 => emit(&text),
            left_out => emit(&format!("{text} [{left_out} bytes more]")),
        }
        self.line.clear();
    }
}

fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() && c != '\t' { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

/// The last lines of a service, for the report of its exit.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(TAIL_CHARS).collect());
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

/// Logs one stream of a service until it ends.
pub(crate) async fn log_lines(mut stream: impl AsyncRead + Unpin, service: &str, tail: &Tail) {
    let target = format!("service::{service}");
    let emit = |line: &str| {
        log::info!(target: &target, "{line}");
        tail.push(line);
    };
    let mut cutter = LineCutter::default();
    let mut buffer = [0_u8; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        cutter.feed(buffer.get(..length).unwrap_or_default(), emit);
    }
    if !cutter.line.is_empty() {
        cutter.end(emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.feed(piece, |line| lines.push(line.to_owned()));
        }
        lines
    }

    #[test]
    fn a_line_that_arrives_in_pieces_is_one_line() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n", b"\nopen"]), ["one", "two", ""]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_its_bound() {
        let mut cutter = LineCutter::default();
        for _ in 0..1000 {
            cutter.feed(&[b'x'; 8192], |line| panic!("{line}"));
        }
        assert!(cutter.line.capacity() <= 2 * MAX_LINE);
        let mut seen = String::new();
        cutter.feed(b"\n", |line| line.clone_into(&mut seen));
        assert!(seen.ends_with(&format!("x [{} bytes more]", 8_192_000 - MAX_LINE)));
    }

    #[test]
    fn neither_escape_sequences_nor_broken_utf8_reach_the_log() {
        assert_eq!(lines(&[b"\x1b[2Jhi\xff\tthere\n"]), ["\\u{1b}[2Jhi\u{fffd}\tthere"]);
    }

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for number in 0..20 {
            tail.push(&number.to_string());
        }
        assert_eq!(tail.take(), ["15", "16", "17", "18", "19"]);
        assert!(tail.take().is_empty());
    }
}
