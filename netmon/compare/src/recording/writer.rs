//! Writes a recording, so that whatever was written is readable.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};

use super::{End, Gap, Header, RecordedWindow, SeriesAmount, Window, lines::Line};
use crate::series::{Amount, Series};

/// A recording that is being written.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: GzEncoder<W>,
    /// The series that have been written, by their position.
    positions: HashMap<Series, usize>,
    windows: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    ///
    /// # Errors
    ///
    /// Fails if `output` cannot be written to.
    pub fn new(output: W, header: &Header) -> io::Result<Self> {
        let output = GzEncoder::new(output, Compression::default());
        let mut writer = Self { output, positions: HashMap::new(), windows: 0 };
        writer.line(&Line { recording: Some(header.clone()), ..Line::default() })?;
        Ok(writer)
    }

    /// Writes a window, with the series that it is the first to mention.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written to.
    pub fn window(&mut self, window: Window) -> io::Result<()> {
        let Window { ended_at_unix_ms, ns, amounts, unknown } = window;
        let mut new = Vec::new();
        let amount = |(series, amount): (Series, Amount)| SeriesAmount {
            series: position(&mut self.positions, &mut new, series),
            amount,
        };
        let amounts = amounts.into_iter().map(amount).collect();
        let unknown = unknown.into_iter().map(|series| position(&mut self.positions, &mut new, series));
        let unknown = unknown.collect();
        if !new.is_empty() {
            self.line(&Line { series: Some(new), ..Line::default() })?;
        }
        let window = RecordedWindow { ended_at_unix_ms, ns, amounts, unknown };
        self.line(&Line { window: Some(window), ..Line::default() })?;
        self.windows += 1;
        Ok(())
    }

    /// Writes that nothing is known of some time.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written to.
    pub fn gap(&mut self, gap: Gap) -> io::Result<()> {
        self.line(&Line { gap: Some(gap), ..Line::default() })
    }

    /// Returns the number of windows so far.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// Writes the last line and the end of the compressed data. Returns the output.
    ///
    /// # Errors
    ///
    /// Fails if the output cannot be written to.
    pub fn finish(mut self, end: End) -> io::Result<W> {
        self.line(&Line { end: Some(end), ..Line::default() })?;
        self.output.finish()
    }

    /// Writes a line, and flushes it so far that a reader gets it even if nothing follows.
    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, line)?;
        self.output.write_all(b"\n")?;
        self.output.flush()
    }
}

/// Returns the position of a series. One that is not known yet is added to `new`.
fn position(positions: &mut HashMap<Series, usize>, new: &mut Vec<Series>, series: Series) -> usize {
    let next = positions.len();
    *positions.entry(series).or_insert_with_key(|series| {
        new.push(series.clone());
        next
    })
}
