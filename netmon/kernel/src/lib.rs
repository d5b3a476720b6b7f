//! The kernel as netmon uses it: system calls, namespaces, rtnetlink, `/proc`, pinned eBPF objects. Mechanism, no policy.
//!
//! This is the only crate of the agent with `unsafe` code, all of it in [`sys`]. What is requested of the kernel, and in
//! which order, is decided in package `netmon`.
//!
//! Begin with [`netns::NetNs`], a namespace held by a descriptor, [`netlink::Netlink`], a socket inside one, and
//! [`pins::PinDirectory`], where counting outlives the agent.

pub mod bounded_lock;
pub mod netlink;
pub mod netns;
pub mod owned_files;
pub mod pins;
pub mod proc;
pub mod sys;
