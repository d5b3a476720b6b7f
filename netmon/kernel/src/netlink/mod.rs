//! rtnetlink verbs over one socket a namespace, opened inside it and used from anywhere.
//!
//! The transport ([`socket`]) is blocking and pipelined: a slice of requests goes out in few writes, and each
//! gets its own answer. That is what a thousand namespaces need, and what code without a runtime can use;
//! message layouts come from the `rtnetlink` family of crates. What to ask for, and in which order, is
//! decided in package `netmon`.

pub mod address;
mod address_watch;
pub mod clsact;
pub mod link;
pub mod loss_filter;
pub mod netem;
pub mod offload;
pub mod presence;
pub mod qdisc;
pub mod queue;
mod random_mac;
pub mod route;
pub mod socket;
pub mod tbf;
pub mod watch;

pub use self::{
    address_watch::AddressWatch,
    random_mac::random_macs,
    socket::{Netlink, NetlinkError, Request},
};
