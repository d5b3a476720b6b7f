//! From a lab to the host and back: read what is there, plan, apply or tear down.
//!
//! [`plan`] is pure; [`actual`] only reads; [`apply`] and [`removal`] are the only ones that change the host,
//! and they touch nothing that does not carry the lab's [`mark`]. What is about to be made is written down
//! first ([`state`]), so that a process that is killed at any moment leaves something that the next one
//! understands. Nothing here attaches programs: whoever does is called back ([`Instrument`]) when the
//! interfaces exist and before they are up.

pub mod actual;
pub mod apply;
pub mod claim;
mod duplicates;
pub mod endpoint;
pub mod error;
pub mod handle;
pub mod handover;
pub mod holders;
pub mod impair;
pub mod imposed;
pub mod leftovers;
pub mod loss_program;
pub mod mark;
pub mod plan;
pub mod planner;
pub mod qdisc_support;
pub mod removal;
pub mod resolv;
pub mod run;
pub mod state;
pub mod sysctl;
pub mod temporary;
pub mod undo;

pub use self::{
    claim::{Claim, Holder},
    endpoint::{Endpoint, Instrument, NoInstrument},
    error::{BoxError, TopologyError},
    plan::{Plan, Step},
    run::{Report, down, plan, up},
};
