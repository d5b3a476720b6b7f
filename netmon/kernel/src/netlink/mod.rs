//! rtnetlink requests, over one socket for each namespace that is opened inside it and used from anywhere.
//!
//! The transport ([`socket`]) is blocking and pipelined: a slice of requests is sent in few writes, and each gets its own
//! answer. A thousand namespaces need that, and code without a runtime can use it. Message layouts come from the
//! `rtnetlink` family of crates. What to request, and in which order, is decided in package `netmon`.

pub mod address;
mod address_watch;
pub mod clsact;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod ipv6;
pub mod link;
pub mod loss_filter;
pub mod netem;
pub mod observer;
pub mod offload;
pub mod presence;
pub mod qdisc;
pub mod queue;
mod random_mac;
mod raw;
pub mod route;
pub mod socket;
pub mod tbf;
pub mod watch;

pub use self::{
    address_watch::AddressWatch,
    error::NetlinkError,
    random_mac::random_macs,
    socket::{Netlink, Request},
};
