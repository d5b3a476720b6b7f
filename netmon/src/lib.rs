//! netmon: builds network namespaces joined by veth pairs, attaches an eBPF program to both hooks of every veth end, and
//! reports for every link, in both directions: how many packets, how late, how many lost.
//!
//! Readings flow one way: kernel maps -> [`datapath`] -> [`watch`] -> `netmon_model::snapshot::Snapshot` -> [`live`],
//! [`metrics`], [`api`], [`render`]. `docs/ARCHITECTURE.md` has the code map and the invariants.

#![forbid(unsafe_code)]

pub mod agent;
pub mod api;
pub mod cli;
pub mod control;
pub mod datapath;
pub mod discover;
pub mod doctor;
pub mod expect;
pub mod http;
pub mod leftovers;
pub mod live;
pub mod metrics;
pub mod overhead;
pub mod ownership;
pub mod probe;
pub mod record;
pub mod render;
pub mod selftest;
pub mod server;
pub mod services;
pub mod top;
pub mod topology;
pub mod trace;
pub mod watch;
#[cfg(feature = "tls")]
pub mod web;
