//! What is shown to people in a terminal: tables, units, drawings, progress. Pure functions of data, but for the progress
//! line.

pub mod graph;
pub mod progress;
pub mod table;
pub mod terminal;
pub mod units;
