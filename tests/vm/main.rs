//! Tests on other kernels, run by `cargo xtask vm` in virtual machines: the same netmon attaches in another way
//! there, and they have what the development kernel lacks (netem, fq, VLAN devices, tunnels).
//!
//! The machines are emulated, so nothing here has an upper bound on time, except very wide ones.

mod attach;
mod declared;
mod doctor;
mod fair_queue;
mod impair;
mod kernel;
mod netem;
mod selftest;
mod systemd;
mod tcp_netem;
mod trace;
mod tunnels;
mod vlan;
