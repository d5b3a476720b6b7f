//! One attempt at something from inside a namespace: an echo, a connection, a request, a program.
//!
//! Sockets are opened on a thread that is in the namespace and are used from anywhere; no thread of Tokio's enters
//! one.

mod echo;
mod prober;

pub use self::{
    echo::Pinger,
    prober::{Attempt, Prober},
};
