//! Recordings of runs, and whether one run is worse than another.
//!
//! [`recording`] is the file: what it contains, how it is written so that a killed recorder leaves a readable one, and how
//! it is read. [`batches`] condenses a recording while it is read. [`statistics`] is arithmetic on batches: estimates with
//! an honest error, and intervals. [`comparison`] holds the estimates of two sides against each other, with one bound on
//! the rate of false alarms of all figures together.
//!
//! Nothing here reads a clock, a socket or the kernel, so every decision can be tested with numbers alone.
//! `docs/adr/0044-batches-decide.md` says why the arithmetic is as it is.

#![forbid(unsafe_code)]

pub mod batches;
pub mod comparison;
pub mod recording;
pub mod series;
pub mod statistics;
