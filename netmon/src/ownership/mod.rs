//! Which objects belong to a lab, and which process works on it: marks, recorded state, and an exclusive claim.
//!
//! A mark on the object itself decides whether it is netmon's ([`mark`]); the state file ([`state`]) only helps to find
//! it. Nothing here changes a namespace or an interface.

pub mod claim;
pub mod error;
pub mod folder;
pub mod holders;
pub mod mark;
pub mod state;
pub mod temporary;

pub use self::{
    claim::{Claim, Holder},
    error::OwnershipError,
};
