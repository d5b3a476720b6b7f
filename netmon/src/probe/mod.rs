//! Attempts at something from inside a namespace: an echo, a connection, a request, a question, a program.
//!
//! A [`Prober`] makes one at a time, for whoever asks; [`Probes`] are a lab's `[[probe]]` sections, each at its
//! interval. Sockets are opened by a thread that is in the namespace and are used from anywhere; no thread of
//! Tokio's enters one.

mod dns;
mod echo;
mod echo_socket;
mod http;
mod load;
mod number;
mod prober;
mod probes;
mod program;
mod record;

pub use self::{
    echo::Pinger,
    load::{Passed, Sink, download},
    prober::{Attempt, Place, Prober},
    probes::Probes,
};
