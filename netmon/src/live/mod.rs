//! What changes from one second to the next.
//!
//! [`Rates`] samples readings once a second and keeps a few of them as [`Second`]s, which hold totals and nothing else. A
//! rate is the difference of two. Outputs that update by themselves subscribe to the newest second; a single request
//! compares its own reading with the oldest. Who makes the readings is not known here.

mod rates;
mod second;

pub use self::{rates::Rates, second::Second};
pub(crate) use self::{
    rates::SnapshotReader,
    second::{HookRates, HookTotals, LinkTotals, RoundTripTotals},
};
