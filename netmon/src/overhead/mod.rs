//! Measures what watching a link costs its traffic: the same short load with hooks attached and detached, in turn.
//!
//! [`load`] is the traffic, [`hooks`] attaches and detaches the programs, [`compare`] alternates, and [`statistics`] is
//! the arithmetic. Nothing is printed or judged here: whether a difference matters is for the reader to decide, who
//! also sees its spread.

pub mod compare;
mod error;
pub mod hooks;
mod kernel_packets;
pub mod link;
pub mod load;
pub mod statistics;

pub use self::{
    compare::{Comparison, compare},
    error::OverheadError,
    hooks::{AgentHooks, HookControl, OwnHooks},
    link::End,
    statistics::{Difference, Spread},
};
