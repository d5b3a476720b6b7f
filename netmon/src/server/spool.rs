//! A text that several clients read while it is written, each at its own pace.
//!
//! The writer is a few pieces ahead of the fastest reader. The last [`KEPT_BYTES`] stay in memory for the others. A reader
//! that is further behind than that is told so, and neither delays the others nor makes netmon keep the text for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// How much stays for readers that are slower than the fastest.
const KEPT_BYTES: u64 = 1 << 20;
/// How far the writer is ahead of the fastest reader.
const AHEAD_BYTES: u64 = 128 << 10;

/// A text while it is written.
#[derive(Debug)]
pub(super) struct Spool {
    state: Mutex<State>,
    /// There is something to read.
    written: Notify,
    /// There is something to write for, or no reader any more.
    read: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    /// The position of the first piece that is kept.
    first: u64,
    /// The position of what is written next.
    end: u64,
    ended: Option<Ended>,
    /// Where each reader is.
    readers: HashMap<u64, u64>,
    next_reader: u64,
}

/// How a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Complete,
    /// There was no reader any more, or the writer panicked.
    Early,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next bytes.
    Piece(Bytes),
    /// The text is complete.
    End,
    /// The next bytes are not kept any more, or will never be written.
    Gone,
}

/// What a writer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// A reader is waiting for more.
    More,
    /// Readers have enough for this moment.
    Later,
    /// There is no reader.
    Nothing,
}

impl State {
    fn demand(&self) -> Demand {
        match self.readers.values().max() {
            None => Demand::Nothing,
            Some(fastest) if fastest.saturating_add(AHEAD_BYTES) >= self.end => Demand::More,
            Some(_) => Demand::Later,
        }
    }

    /// Drops what every reader has, and what is too far behind.
    fn trim(&mut self) {
        let slowest = self.readers.values().min().copied().unwrap_or(self.end);
        let keep_from = slowest.max(self.end.saturating_sub(KEPT_BYTES));
        while let Some(piece) = self.pieces.front()
            && self.first + piece.len() as u64 <= keep_from
            // A reader may still come for a text that is as short as this.
            && self.end > KEPT_BYTES
        {
            self.first += piece.len() as u64;
            self.pieces.pop_front();
        }
    }

    fn next(&self, position: u64) -> Option<Next> {
        if position < self.first {
            return Some(Next::Gone);
        }
        let mut start = self.first;
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            if position < end {
                return Some(Next::Piece(piece.slice((position - start) as usize..)));
            }
            start = end;
        }
        self.ended.map(|ended| if ended == Ended::Complete { Next::End } else { Next::Gone })
    }
}

impl Spool {
    /// Creates a text that begins at `position`, for a reader that has what is before it.
    pub(super) fn starting_at(position: u64) -> Self {
        let state = State { first: position, ..State::default() };
        Self { state: Mutex::new(state), written: Notify::new(), read: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a reader at this position, and returns its number.
    pub(super) fn add_reader(&self, position: u64) -> u64 {
        let mut state = self.lock();
        state.next_reader += 1;
        let number = state.next_reader;
        state.readers.insert(number, position);
        number
    }

    /// Removes a reader.
    pub(super) fn remove_reader(&self, number: u64) {
        let mut state = self.lock();
        state.readers.remove(&number);
        state.trim();
        self.read.notify_all();
    }

    /// Returns the next bytes for a reader, once they are written.
    pub(super) async fn next(&self, number: u64) -> Next {
        loop {
            let written = self.written.notified();
            if let Some(next) = self.try_next(number) {
                return next;
            }
            written.await;
        }
    }

    fn try_next(&self, number: u64) -> Option<Next> {
        let mut state = self.lock();
        let position = state.readers.get(&number).copied()?;
        let next = state.next(position)?;
        if let Next::Piece(piece) = &next {
            state.readers.insert(number, position + piece.len() as u64);
            state.trim();
            self.read.notify_all();
        }
        Some(next)
    }

    /// Appends a piece. Of one that begins before the text does, the rest.
    pub(super) fn push(&self, piece: &Bytes) {
        let mut state = self.lock();
        let (start, length) = (state.end, piece.len() as u64);
        state.end += length;
        let skipped = state.first.saturating_sub(start).min(length);
        if skipped < length {
            state.pieces.push_back(piece.slice(skipped as usize..));
        }
        state.trim();
        drop(state);
        self.written.notify_waiters();
    }

    /// Returns whether more is to be written. Waits for that at most for `time`.
    pub(super) fn wait_for_demand(&self, time: Duration) -> Demand {
        let deadline = Instant::now() + time;
        let mut state = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match state.demand() {
                Demand::Later if !left.is_zero() => {
                    state = self.read.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
                demand => return demand,
            }
        }
    }

    /// Ends the text.
    pub(super) fn end(&self, is_complete: bool) {
        let mut state = self.lock();
        state.ended.get_or_insert(if is_complete { Ended::Complete } else { Ended::Early });
        drop(state);
        self.written.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    fn piece(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    #[tokio::test]
    async fn every_reader_gets_the_whole_text() {
        let spool = Spool::starting_at(0);
        let early = spool.add_reader(0);
        spool.push(&piece(b'a', 10));
        assert_eq!(spool.next(early).await, Next::Piece(piece(b'a', 10)));
        let late = spool.add_reader(0);
        spool.push(&piece(b'b', 5));
        spool.end(true);
        for reader in [early, late] {
            let mut text = Vec::new();
            while let Next::Piece(piece) = spool.next(reader).await {
                text.extend_from_slice(&piece);
            }
            let whole = if reader == early { "bbbbb" } else { "aaaaaaaaaabbbbb" };
            assert_eq!(text, whole.as_bytes());
            assert_eq!(spool.next(reader).await, Next::End);
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_too_far_behind_is_told_so_and_delays_no_other() {
        let spool = Spool::starting_at(0);
        let (slow, fast) = (spool.add_reader(0), spool.add_reader(0));
        for _ in 0..3 {
            spool.push(&piece(b'x', KEPT_BYTES as usize / 2));
            assert!(matches!(spool.next(fast).await, Next::Piece(_)));
            assert_eq!(spool.wait_for_demand(NO_TIME), Demand::More);
        }
        assert_eq!(spool.next(slow).await, Next::Gone);
        assert!(spool.lock().pieces.len() <= 2);
    }

    #[test]
    fn the_writer_is_only_so_far_ahead_and_stops_without_readers() {
        let spool = Spool::starting_at(0);
        let reader = spool.add_reader(0);
        spool.push(&piece(b'x', AHEAD_BYTES as usize));
        assert_eq!(spool.wait_for_demand(NO_TIME), Demand::More);
        spool.push(&piece(b'x', 1));
        assert_eq!(spool.wait_for_demand(NO_TIME), Demand::Later);
        spool.remove_reader(reader);
        assert_eq!(spool.wait_for_demand(NO_TIME), Demand::Nothing);
    }

    #[tokio::test]
    async fn a_text_that_is_written_again_continues_where_the_reader_is() {
        let spool = Spool::starting_at(12);
        let reader = spool.add_reader(12);
        spool.push(&piece(b'a', 10));
        assert_eq!(spool.wait_for_demand(NO_TIME), Demand::More, "the reader has that");
        spool.push(&piece(b'b', 10));
        assert_eq!(spool.next(reader).await, Next::Piece(piece(b'b', 8)));
    }
}
