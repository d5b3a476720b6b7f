//! Lines for a stream whose reader may stall: a bounded queue, and a thread that writes.
//!
//! A pipe whose reader sleeps, or a terminal after Ctrl-S, blocks the thread that writes to it. Here that is a thread that does
//! nothing else, so that a process whose log is not read is controlled and ended as any other. Lines for which there is
//! no room are counted, and the count is written when the stream is read again.

use std::{
    collections::VecDeque,
    io::{self, Write},
    mem::take,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use netmon_kernel::sys::give_up::give_up_all;

/// How many bytes wait at most.
const ROOM: usize = 1 << 20;
/// How long a line is awaited whose predecessors are all written. So lines appear in their order with what else the
/// process writes, and are written before anything that ends the process.
const PATIENCE: Duration = Duration::from_millis(100);
/// At the end, the stream counts as stalled if no line is written for this long.
const STALLED: Duration = Duration::from_millis(500);

/// A handle to the queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    left_out: u64,
    /// Whether the thread has taken a line that is not written yet.
    is_writing: bool,
    /// How many lines are written.
    written: u64,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && !self.is_writing && self.left_out == 0
    }

    /// Returns the next line to write.
    fn take(&mut self) -> Option<Vec<u8>> {
        let next = self.lines.pop_front();
        if let Some(line) = &next {
            self.bytes -= line.len();
            return next;
        }
        match take(&mut self.left_out) {
            0 => None,
            lines => {
                Some(format!("[{lines} log lines left out: standard error was not read]\n").into_bytes())
            }
        }
    }
}

impl Queue {
    /// Starts the thread, which ends with the process.
    pub(super) fn start(stream: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self::default();
        let writer = queue.clone();
        let work = move || {
            // It only writes to a descriptor that is open. Older kernels and containers may refuse, which changes nothing.
            let _ = give_up_all();
            writer.write_all_to(stream);
        };
        thread::Builder::new().name("netmon-stderr".to_owned()).spawn(work)?;
        Ok(queue)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, Waiting>, time: Duration) -> MutexGuard<'a, Waiting> {
        self.0.changed.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Appends a line, and waits a moment for it to be written unless others wait already. Never blocks for longer.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        if waiting.bytes + line.len() > ROOM {
            waiting.left_out += 1;
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        self.0.changed.notify_all();
        let deadline = Instant::now() + PATIENCE;
        while was_empty
            && !waiting.is_empty()
            && let Some(left) = deadline.checked_duration_since(Instant::now())
        {
            waiting = self.wait(waiting, left);
        }
    }

    /// Waits until every line is written, or the stream is stalled.
    pub(super) fn drain(&self) {
        let mut waiting = self.lock();
        let mut seen = (waiting.written, Instant::now());
        while !waiting.is_empty() && seen.1.elapsed() < STALLED {
            waiting = self.wait(waiting, STALLED);
            if waiting.written != seen.0 {
                seen = (waiting.written, Instant::now());
            }
        }
    }

    fn write_all_to(&self, mut stream: impl Write) {
        let mut waiting = self.lock();
        loop {
            let Some(line) = waiting.take() else {
                waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            waiting.is_writing = true;
            drop(waiting);
            // If standard error is closed, there is no reader for a report.
            let _ = stream.write_all(&line).and_then(|()| stream.flush());
            waiting = self.lock();
            waiting.is_writing = false;
            waiting.written += 1;
            self.0.changed.notify_all();
        }
    }
}

impl Write for Queue {
    /// Takes the bytes as one line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;

    fn pushed(count: usize, text: &str) -> (Queue, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let queue = Queue::start(writer).unwrap();
        for number in 0..count {
            queue.push(format!("{number} {text}\n").into_bytes());
        }
        (queue, reader)
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let (queue, reader) = pushed(100, "x");
        queue.drain();
        let lines: Vec<String> = BufReader::new(reader).lines().take(100).map(Result::unwrap).collect();
        assert_eq!(lines, (0..100).map(|number| format!("{number} x")).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_that_no_process_reads_delays_its_writers_once_and_keeps_a_bounded_part() {
        let before = Instant::now();
        let (queue, mut reader) = pushed(3000, &"x".repeat(1000));
        assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
        assert!(queue.lock().bytes <= ROOM);
        let before = Instant::now();
        queue.drain();
        assert!(before.elapsed() < STALLED * 3, "{:?}", before.elapsed());
        // Read again: the rest comes, and the number of lines that are missing.
        let mut text = Vec::new();
        while !text.ends_with(b"standard error was not read]\n") {
            let mut part = [0; 65536];
            let length = reader.read(&mut part).unwrap();
            text.extend_from_slice(&part[..length]);
        }
        let text = String::from_utf8(text).unwrap();
        let left_out: usize =
            text.lines().last().unwrap().trim_start_matches('[').split(' ').next().unwrap().parse().unwrap();
        assert_eq!(text.lines().count() - 1 + left_out, 3000);
    }
}
