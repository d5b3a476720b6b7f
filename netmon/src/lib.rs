//! netmon: builds network namespaces joined by veth pairs, puts an eBPF program on both hooks of every
//! veth end, and says for every link, in both directions: how many packets, how late, how many lost.
//!
//! Data flows one way: kernel maps -> [`datapath`] -> [`snapshot`] -> {[`metrics`], [`server`], [`cli`]}.
//! `docs/ARCHITECTURE.md` has the code map and the invariants.

pub mod agent;
pub mod audit;
pub mod cli;
pub mod client;
pub mod datapath;
pub mod doctor;
pub mod expect;
pub mod metrics;
pub mod overhead;
pub mod probe;
pub mod selftest;
pub mod server;
pub mod services;
pub mod topology;
