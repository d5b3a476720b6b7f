//! `netmon top`: an agent's links, namespaces, connections, drops and probes, live on a terminal.
//!
//! Three parts that know little of one another: `state` is plain data, changed by what the agent says (`feed`) and by what
//! the user does (`input`); `draw` makes the picture of a state and nothing else; `run` joins them with the terminal
//! (`screen`). It reads the agent over HTTP, as any client does: it needs no privileges, and knows no type of the kernel's.

mod chart;
mod condition;
mod data;
mod detail;
mod draw;
#[cfg(test)]
mod example;
mod feed;
mod figures;
mod glyphs;
mod input;
mod palette;
mod place;
mod read;
mod rows;
mod run;
mod screen;
mod state;
mod table;
mod text;
mod window;

use std::io;

use netmon_model::server_address::ServerAddress;

pub use self::{
    feed::FindAgent,
    run::{TopError, run},
    state::View,
};
use crate::render::terminal::Charset;

/// How `netmon top` is run.
pub struct Options {
    /// The agent to begin with.
    pub address: ServerAddress,
    /// Finds the agent again when it was lost.
    pub find: FindAgent,
    /// The first view.
    pub view: View,
    /// Seconds between two pictures.
    pub interval: u64,
    /// Whether colours are used.
    pub has_colours: bool,
    /// The characters that the terminal can show.
    pub charset: Charset,
    /// Whether the mouse is used. Without it, the terminal's own selection of text works.
    pub has_mouse: bool,
    /// Stops the process as Ctrl-Z does. The terminal is given back meanwhile.
    pub suspend: fn() -> io::Result<()>,
    /// Whether two keys cause a panic, for tests.
    pub can_panic: bool,
}
