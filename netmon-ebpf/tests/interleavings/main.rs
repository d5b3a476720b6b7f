//! The tables that several processors share, under every order of their accesses.
//!
//! Each test is a model of two or three processors that use one set at once. [loom](https://docs.rs/loom) runs the
//! model again and again, each time with another order of the accesses. It was chosen over shuttle, which draws
//! orders at random: a set is one cache line, and an operation touches it a dozen times at most, so loom finishes
//! within seconds. A model of two processors goes through all orders. Three processors have too many, so loom goes
//! through those with few preemptions; each test says how many.
//!
//! The code under test is the library's own. [`SharedWords`](netmon_ebpf::tag::SharedWords) is the seam:
//! [`memory`] implements it over loom's atomics, so neither the library nor the build needs `--cfg loom`.
//!
//! # Loads
//!
//! loom compares an access only with the latest conflicting one. A processor that loads a word and then exchanges
//! it therefore hides that another had loaded the word before, and loom skips the orders that differ in this
//! (tokio-rs/loom, issues 166 and 392). All operations here are such a load and an exchange. So on
//! [`Machine::Ordered`](memory::Machine::Ordered) a load is a compare-and-exchange that always fails: it conflicts
//! with every access, and no order is skipped. [`Machine::Weak`](memory::Machine::Weak) uses plain loads, which may
//! return outdated values; it goes through fewer orders, and adds what arm64 allows.
//!
//! # What is not modelled
//!
//! Most of what programs do with a connection after they have found it: samples and counts. These fields are plain words,
//! and both directions of a connection may write to them at once; `programs/tcp.rs` allows for that. What has passed is
//! modelled in [`tracks`].

mod flows;
mod memory;
mod processors;
mod requests;
mod tracks;
