//! The control socket: how a command has the agent that holds a lab do its work, and how it finds that agent.
//!
//! A lab that is held is never changed behind its agent's back: `netmon down` asks the agent to end, and waits for the
//! reply. The reply comes over the connection of the request, which outlives the socket's name. Only root may connect.

mod client;
pub mod locate;
pub mod locate_link;
mod protocol;
mod server;

use std::path::PathBuf;

use netmon_model::names::LabName;

pub use self::{
    client::{Client, ask},
    protocol::{Answer, HookCommand, Refused, Request},
    server::{Connection, Server},
};
use crate::ownership::state;

fn path_of(lab: &LabName) -> PathBuf {
    state::directory(lab).join("agent.sock")
}
