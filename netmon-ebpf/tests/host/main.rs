//! Parsing and the following of conversations, as the programs do it, over crafted frames: on the host, as any user.
//!
//! These tests pass under Miri, too, which takes about a minute. Miri needs a nightly toolchain, so `cargo xtask ci`
//! does not run it:
//!
//! ```text
//! rustup component add --toolchain nightly miri rust-src
//! cargo +nightly miri test -p netmon-ebpf --test host
//! ```

#[path = "../../../tests/src/packets.rs"]
pub mod packets;
#[path = "../../../tests/src/tunnels.rs"]
pub mod tunnels;

mod atomics;
mod departures;
mod inner;
mod mutation;
mod numbers;
mod parsing;
mod request_counters;
mod stream_model;
mod tables;
mod tcp;
