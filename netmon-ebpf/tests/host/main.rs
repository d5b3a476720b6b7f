//! Parsing and the reading of conversations, as the programs do it, over frames made by hand: on the host, as
//! any user.
//!
//! Under Miri, where it is installed: `cargo +nightly miri test -p netmon-ebpf --test host`.

#[path = "../../../tests/src/packets.rs"]
pub mod packets;

mod mutation;
mod parsing;
mod tables;
mod tcp;
