//! What watching a link costs those who use it: the same short load, with the hooks on and off, in turn.
//!
//! [`load`] is the traffic, [`hooks`] takes the programs off and puts them on, [`compare`] alternates, and
//! [`figures`] is the arithmetic. It prints nothing, and it judges nothing: whether a difference matters is
//! for whoever reads it together with its spread.

pub mod compare;
mod error;
pub mod figures;
pub mod hooks;
pub mod link;
pub mod load;
mod passed;

pub use self::{
    compare::{Comparison, compare},
    error::OverheadError,
    figures::{Difference, Spread},
    hooks::{AgentsHooks, Hooks, OwnHooks},
    link::End,
};
