//! Helpers for privileged tests: guards, observers, bounded waiting.

pub mod agent;
pub mod binary;
pub mod bpf_objects;
pub mod built;
pub mod capture;
pub mod counts;
pub mod eventually;
pub mod foreign;
pub mod forwarder;
pub mod frugal;
pub mod host;
pub mod impaired;
mod inhabitants;
pub mod iperf;
pub mod kill;
pub mod labs;
#[cfg(test)]
mod lints;
pub mod packets;
pub mod pair;
pub mod persisted;
pub mod random;
pub mod relay;
pub mod running;
pub mod sandbox;
pub mod services;
pub mod skip;
pub mod tc;
