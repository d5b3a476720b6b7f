//! The values that all parts of netmon share: names, labs, impairments, snapshots. Plain data and arithmetic on it.
//!
//! Nothing here does I/O, holds a descriptor or knows how anything is displayed, so every rule about these values can
//! be tested without a kernel.

#![forbid(unsafe_code)]

pub mod audit;
pub mod by;
pub mod cost;
pub mod drift;
pub mod error;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod histogram;
pub mod impairment;
pub mod lab;
pub mod mac;
pub mod names;
pub mod progress;
pub mod server_address;
pub mod shell;
pub mod snapshot;
pub mod survey;
pub mod text;
pub mod trace;
