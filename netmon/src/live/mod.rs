//! What changes from one second to the next: rates, worked out of two snapshots.

pub mod rates;
