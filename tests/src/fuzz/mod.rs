//! Fuzz targets: what netmon reads that it did not write itself, each as a function of any bytes.
//!
//! `cargo xtask test` runs each target over a fixed number of mutated examples ([`harness`]), on stable. libFuzzer runs the
//! same functions where nightly is installed (`tests/fuzz`, `cargo xtask fuzz`). A target panics if it finds a fault.

mod control;
mod harness;
mod http;
mod kernel_text;
mod lab_file;
mod mutate;
mod netlink;
mod packet;
mod pins;
mod recording;
mod state;
mod stream;

pub use self::harness::check;

/// What is read, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of examples in `tests/fuzz/seeds`.
    pub name: &'static str,
    /// Reads bytes. Returns whether they were valid.
    pub read: fn(&[u8]) -> bool,
    /// How many inputs take about a second in a debug build.
    pub inputs: u32,
}

/// Every target.
pub const TARGETS: [Target; 10] = [
    Target { name: "control", read: control::read, inputs: 20_000 },
    Target { name: "http", read: http::read, inputs: 1_000 },
    Target { name: "kernel_text", read: kernel_text::read, inputs: 20_000 },
    Target { name: "lab_file", read: lab_file::read, inputs: 1_000 },
    Target { name: "netlink", read: netlink::read, inputs: 5_000 },
    Target { name: "packet", read: packet::read, inputs: 100_000 },
    Target { name: "pins", read: pins::read, inputs: 20_000 },
    Target { name: "recording", read: recording::read, inputs: 1_000 },
    Target { name: "state", read: state::read, inputs: 20_000 },
    Target { name: "stream", read: stream::read, inputs: 5_000 },
];

/// Returns the target of this name.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
}
