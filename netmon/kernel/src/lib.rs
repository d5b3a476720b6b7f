//! The kernel as netmon uses it: system calls, namespaces, rtnetlink, pinned BPF objects. Mechanism, no policy.
//!
//! This is the only crate of the agent with `unsafe` code, all of it in [`sys`]. What to ask of the kernel, and in which
//! order, is decided in package `netmon`.

pub mod netlink;
pub mod netns;
pub mod owned_files;
pub mod pins;
pub mod proc;
pub mod sys;
