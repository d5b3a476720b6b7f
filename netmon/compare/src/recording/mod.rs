//! The file of a recorded run: lines of JSON, compressed by gzip.
//!
//! The first line says what was recorded, the others what happened: a window for each interval, with the amounts of all
//! series that changed in it. Every line is flushed before the next one is made. A recorder that was killed leaves a file
//! that is readable up to its last complete line; only its `end` is missing. `docs/RECORD.md` has the format for people.

mod lines;
mod reader;
mod totals;
mod writer;

pub use self::{
    lines::{Agent, End, EndReason, Gap, Header, Lab, Machine, RecordedWindow, SeriesAmount},
    reader::{ReadError, Summary, read},
    totals::{SeriesTotal, Totals, TotalsLab, Window},
    writer::Writer,
};

/// The version of the format. It grows when an older reader could no longer understand a file.
pub const FORMAT: u32 = 1;
