//! From a lab to the host and back: read what is there, plan, apply or tear down.
//!
//! [`plan`] is pure; [`actual`] only reads; [`apply`] and [`removal`] are the only ones that change the host,
//! and they touch nothing that does not carry the lab's [`mark`]. What is about to be made is written down
//! first ([`state`]), so that a process that is killed at any moment leaves something that the next one
//! understands. Nothing here attaches programs: whoever does is called back ([`AttachObserver`]) when the
//! interfaces exist and before they are up.

pub mod actual;
pub mod apply;
pub mod down;
mod duplicates;
pub mod endpoint;
pub mod error;
pub mod handle;
pub mod impair;
pub mod installed_impairment;
pub mod loss_program;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod qdisc_support;
pub mod removal;
pub mod resolv;
pub mod step;
pub mod sysctl;
pub mod undo;

pub use self::{
    down::{Report, down},
    endpoint::{AttachObserver, Endpoint, NoObserver},
    error::{BoxError, TopologyError},
    plan::{Phase, Plan},
    prepare::{Prepared, plan, prepare, up},
    step::Step,
};
