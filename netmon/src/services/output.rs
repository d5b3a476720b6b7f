//! A service's output, logged line by line under `service::NAME`, whatever the program writes.
//!
//! Lines are bounded in length and number, bytes that are not UTF-8 are replaced, and control characters are escaped. So a
//! program can neither fill the memory, nor keep the agent busy, nor control the terminal that shows the log.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use netmon_model::text::printable_lines;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The maximum length of a line in bytes. The rest of a longer line is only counted.
const MAX_LINE: usize = 4096;
/// The maximum number of lines of a stream that are logged in one [`WINDOW`]. The others are only counted.
const MAX_LINES: u32 = 1000;
const WINDOW: Duration = Duration::from_secs(1);
/// How many lines are stored for the report of an exit, and how many bytes of each.
const TAIL_LINES: usize = 5;
const TAIL_BYTES: usize = 200;

/// Splits a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
struct LineCutter {
    line: Vec<u8>,
    left_out: usize,
}

impl LineCutter {
    /// Appends bytes. Calls `emit` for each line that they complete, with the number of bytes that were left out.
    fn feed(&mut self, bytes: &[u8], mut emit: impl FnMut(&[u8], usize)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = (MAX_LINE - self.line.len()).min(text.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            self.left_out += text.len() - room;
            if complete {
                self.end(&mut emit);
            }
        }
    }

    /// Emits the current line, at its end or at the end of the stream.
    fn end(&mut self, mut emit: impl FnMut(&[u8], usize)) {
        emit(self.line.strip_suffix(b"\r").unwrap_or(&self.line), self.left_out);
        self.line.clear();
        self.left_out = 0;
    }
}

fn printable(bytes: &[u8]) -> String {
    // A line has no line feed in it.
    printable_lines(&String::from_utf8_lossy(bytes)).into_owned()
}

/// Decides which lines are logged, so that there are at most [`MAX_LINES`] in a [`WINDOW`].
#[derive(Debug)]
struct Throttle {
    since: Instant,
    logged: u32,
    left_out: u64,
}

impl Throttle {
    fn new(now: Instant) -> Self {
        Self { since: now, logged: 0, left_out: 0 }
    }

    /// Counts a line at `now`, and returns whether it is to be logged.
    fn admits(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= WINDOW {
            self.since = now;
            self.logged = 0;
        }
        let admitted = self.logged < MAX_LINES;
        if admitted {
            self.logged += 1;
        } else {
            self.left_out += 1;
        }
        admitted
    }

    /// Returns how many lines were not logged since the last call.
    fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

/// The last lines of a service, for the report of its exit.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<VecDeque<Vec<u8>>>);

impl Tail {
    fn push(&self, line: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = if lines.len() < TAIL_LINES { None } else { lines.pop_front() }.unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(line.get(..TAIL_BYTES).unwrap_or(line));
        lines.push_back(kept);
    }

    /// Returns the lines since the last start.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| printable(line)).collect()
    }

    /// Forgets the lines: the program is restarted.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Logs one stream of a service until it ends.
pub(crate) async fn log_lines(mut stream: impl AsyncRead + Unpin, service: &str, tail: &Tail) {
    let target = format!("service::{service}");
    let mut throttle = Throttle::new(Instant::now());
    let mut cutter = LineCutter::default();
    let mut buffer = [0_u8; 8192];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let now = Instant::now();
        let emit = |line: &[u8], beyond| log_line(&target, &mut throttle, now, tail, line, beyond);
        cutter.feed(buffer.get(..length).unwrap_or_default(), emit);
        // A program that never pauses must not starve other tasks on this thread.
        tokio::task::yield_now().await;
    }
    if !cutter.line.is_empty() {
        let now = Instant::now();
        cutter.end(|line, beyond| log_line(&target, &mut throttle, now, tail, line, beyond));
    }
    report_left_out(&target, &mut throttle);
}

fn log_line(target: &str, throttle: &mut Throttle, now: Instant, tail: &Tail, line: &[u8], beyond: usize) {
    tail.push(line);
    if !throttle.admits(now) {
        return;
    }
    report_left_out(target, throttle);
    let text = printable(line);
    match beyond {
        0 => log::info!(target: target, "{text}"),
        beyond => log::info!(target: target, "{text} [{beyond} bytes more]"),
    }
}

fn report_left_out(target: &str, throttle: &mut Throttle) {
    match throttle.take_left_out() {
        0 => {}
        lines => log::warn!(target: target, "[{lines} lines left out: more than {MAX_LINES} in a second]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.feed(piece, |line, _| lines.push(printable(line)));
        }
        lines
    }

    #[test]
    fn a_line_that_arrives_in_pieces_is_one_line() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n", b"\nopen"]), ["one", "two", ""]);
    }

    #[test]
    fn an_endless_line_takes_no_more_memory_than_its_bound() {
        let mut cutter = LineCutter::default();
        for _ in 0..1000 {
            cutter.feed(&[b'x'; 8192], |line, _| panic!("{line:?}"));
        }
        assert!(cutter.line.capacity() <= 2 * MAX_LINE);
        let mut emitted = None;
        cutter.feed(b"\n", |line, beyond| emitted = Some((line.len(), beyond)));
        assert_eq!(emitted, Some((MAX_LINE, 8_192_000 - MAX_LINE)));
    }

    #[test]
    fn neither_escape_sequences_nor_broken_utf8_reach_the_log() {
        assert_eq!(lines(&[b"\x1b[2Jhi\xff\tthere\n"]), ["\\u{1b}[2Jhi\u{fffd}\tthere"]);
    }

    #[test]
    fn a_flood_is_limited_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        assert_eq!((0..5000).filter(|_| throttle.admits(start)).count(), 1000);
        assert_eq!(throttle.take_left_out(), 4000);
        assert!(throttle.admits(start + WINDOW), "a new window has room again");
        assert_eq!(throttle.take_left_out(), 0);
    }

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for number in 0..20 {
            tail.push(number.to_string().as_bytes());
        }
        assert_eq!(tail.lines(), ["15", "16", "17", "18", "19"]);
        tail.clear();
        assert!(tail.lines().is_empty());
        tail.push(&[b'x'; 1000]);
        assert_eq!(tail.lines(), ["x".repeat(200)]);
    }
}
