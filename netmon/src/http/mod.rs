//! HTTP/1.1 as netmon speaks it on both sides: a bounded acceptor for servers, one exchange for clients.
//!
//! The agent's interface (`server`) and the built-in web server (`services`) bring the routes; `api` and `probe` bring
//! the requests. This module knows none of them, and opens no socket: listeners and streams are handed in, because they
//! may belong to another namespace.

mod acceptor;
mod early;
mod exchange;
mod house;
mod limits;
mod place;
mod secure;
mod socket;

pub use self::{
    limits::Limits,
    secure::{Later, Secure},
    socket::{Connection, Duplex, Listener},
};

#[cfg(test)]
mod tests;
pub(crate) use self::{
    acceptor::{Acceptor, Overload},
    exchange::{connect, exchange},
    place::Place,
};
