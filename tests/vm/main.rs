//! Tests on other kernels than the one at hand, run by `cargo xtask vm` inside virtual machines: the same netmon
//! attaches in another way there, and what the development kernel lacks (netem, fq, VLAN devices) is at hand.
//!
//! The machines are emulated, so nothing here holds netmon to a bound on time from above, other than very wide ones.

mod attach;
mod declared;
mod doctor;
mod fair_queue;
mod impair;
mod kernel;
mod netem;
mod selftest;
mod vlan;
