//! Attempts from inside a namespace: an ICMP echo, a TCP connection, an HTTP request, a DNS query, a program.
//!
//! A [`Prober`] makes one at a time, for an expectation or the check of a service. [`Probes`] are the `[[probe]]`
//! sections of a lab, each at its interval. Sockets are opened by a thread that is in the namespace and are used from
//! any other; no thread of Tokio's enters a namespace.

mod dns;
mod echo;
mod echo_socket;
mod http;
mod load;
mod message_id;
mod namespace;
mod prober;
mod probes;
mod program;
mod stats;

pub use self::{
    echo::{Pinger, message_with},
    load::{Sink, Throughput, download},
    namespace::ProbeNamespace,
    prober::{Attempt, Prober},
    probes::Probes,
};
