//! What the eBPF programs and the agent share: every key and value that crosses the kernel boundary, and the parsing
//! of packets, which is pure and tested on the host.
//!
//! The programs themselves are the binary of this package (feature `programs`). Sizes and offsets are asserted next
//! to the types. [`ABI_VERSION`] grows with every change to one of them, and the agent refuses maps of another
//! version.
//!
//! Begin with [`parse::parse`] for packets, [`endpoint`] for what is counted, [`histogram`] for durations, and
//! [`tcp`], [`flow`] and [`requests`] for conversations.

#![no_std]

pub mod abi;
pub mod drops;
pub mod endpoint;
pub mod epoch;
pub mod flow;
pub mod histogram;
mod indexed;
pub mod parse;
pub mod protocol;
pub mod record;
pub mod request_counters;
pub mod requests;
mod stage;
pub mod stamp;
pub mod tag;
pub mod tcp;
pub mod trace;
pub mod tracing;
pub mod udp;

pub use abi::ABI_VERSION;
pub use protocol::Protocol;
