//! The control socket: how a command finds the agent that holds a lab, and has it do the work.
//!
//! A held lab is never changed behind its agent's back. [`LabHandle`] is the one decision: the agent that holds the
//! lab does the work, or this process takes the lab and does it itself. A request and its reply are one line of JSON
//! each, over one connection; that connection outlives the socket's name, so `netmon down` still gets its reply when
//! the lab's directory is removed. Only root may connect.

mod client;
mod error;
mod handle;
pub mod locate;
mod protocol;
mod removal;
mod server;

use std::path::PathBuf;

use netmon_model::names::LabName;

pub use self::{
    client::Client,
    error::ControlError,
    handle::LabHandle,
    protocol::{HookCommand, Refusal, RefusalKind, Reply, Request},
    removal::remove,
    server::{Connection, Server},
};
use crate::ownership::state;

fn path_of(lab: &LabName) -> PathBuf {
    state::directory(lab).join("agent.sock")
}
