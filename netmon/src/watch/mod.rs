//! Watching: the datapath's counts, the state of interfaces, the audit and the baselines of impairments, put together.
//!
//! The agent decides what is watched and for how long; the server reads what comes of it.

pub mod audit;
mod baselines;
mod interfaces;
pub mod lend;
pub mod upkeep;
pub mod watcher;
