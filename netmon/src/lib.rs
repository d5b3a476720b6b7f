//! netmon: builds network namespaces joined by veth pairs, puts an eBPF program on both hooks of every
//! veth end, and says for every link, in both directions: how many packets, how late, how many lost.
//!
//! Data flows one way: kernel maps -> [`datapath`] -> [`snapshot`] -> {[`metrics`], [`server`], [`cli`]}.
//! `docs/ARCHITECTURE.md` has the code map and the invariants.

pub mod agent;
pub mod audit;
pub mod causes;
pub mod cli;
pub mod client;
pub mod cost;
pub mod datapath;
pub mod disturbance;
pub mod doctor;
pub mod expect;
pub mod generate;
pub mod histogram;
pub mod impairment;
pub mod lab;
pub mod metrics;
pub mod names;
pub mod netlink;
pub mod netns;
pub mod overhead;
pub mod owned_files;
pub mod pins;
pub mod probe;
#[cfg(test)]
mod sample;
pub mod selftest;
pub mod server;
pub mod services;
pub mod shell;
pub mod snapshot;
pub mod sys;
pub mod topology;
