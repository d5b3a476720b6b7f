//! Arithmetic on batches: what a figure is, how sure that is, and how much two of them differ.
//!
//! [`statistic`] makes one number of each batch, [`estimate`] the value of a run and its error from those numbers, and
//! [`difference`] an interval for the change. [`student`] has the quantiles of the t distribution.

pub mod difference;
pub mod estimate;
pub mod statistic;
pub mod student;
