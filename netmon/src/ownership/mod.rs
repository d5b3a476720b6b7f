//! Whose a lab is, and what of the host is a lab's: marks, recorded state, and the claim that one process has on it.
//!
//! A mark on the thing itself decides what is netmon's ([`mark`]); the state file ([`state`]) only says where to look.
//! Nothing here changes a namespace or an interface.

pub mod claim;
pub mod error;
pub mod holders;
pub mod mark;
pub mod state;
pub mod temporary;

pub use self::{
    claim::{Claim, Holder},
    error::OwnershipError,
};
