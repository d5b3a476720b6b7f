//! The source of readings, and what changes from one second to the next.
//!
//! [`Rates`] samples readings once a second and keeps the totals of the last few as [`Second`]s. A rate is the
//! difference of two. Outputs that update by themselves subscribe to the newest second. A single request compares its
//! own reading with the oldest. The readings come from the server, which this module does not know.

mod rates;
mod second;
mod source;
mod traces;

pub use self::{
    rates::Rates,
    second::Second,
    source::{Readiness, SnapshotSource, SourceError},
    traces::Traces,
};
pub(crate) use self::{
    rates::SnapshotReader,
    second::{HookRates, HookTotals, LinkTotals, RoundTripTotals},
};
