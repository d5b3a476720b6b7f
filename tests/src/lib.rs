//! Helpers for privileged tests: guards, observers, bounded waiting.

pub mod added;
pub mod agent;
pub mod binary;
pub mod bpf_objects;
pub mod built;
pub mod capture;
pub mod commands;
pub mod counts;
pub mod curl;
pub mod direct;
pub mod dns;
pub mod doctor;
pub mod eventually;
pub mod foreign;
pub mod forwarder;
pub mod frugal;
pub mod host;
pub mod impaired;
pub mod interface;
pub mod iperf;
pub mod kill;
pub mod lab_files;
pub mod labs;
mod leftover_processes;
#[cfg(test)]
mod lints;
pub mod nginx;

pub mod packets;
pub mod pair;
pub mod persisted;
pub mod ping;
pub mod random;
pub mod relay;
pub mod requests;
pub mod running;
pub mod sandbox;
pub mod services;
pub mod skip;
pub mod stamped;
pub mod talk;
pub mod tc;
pub mod terminal;
pub mod transfer;
pub mod tunnel_devices;
pub mod tunnels;
pub mod unprivileged;
