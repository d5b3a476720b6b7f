//! The running kernel, and what is expected on it.

use std::env;

/// Set by `cargo xtask vm`.
const SERIES: &str = "NETMON_VM_KERNEL";

/// A kernel that netmon is expected to run on.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// Its series.
    series: &'static str,
    /// How netmon attaches there by default: TCX came with Linux 6.6.
    pub(crate) mode: &'static str,
}

const KERNELS: [Kernel; 2] =
    [Kernel { series: "6.1", mode: "clsact" }, Kernel { series: "6.12", mode: "tcx" }];

/// The running kernel, which must be the one that was meant to run.
pub(crate) fn this() -> &'static Kernel {
    let meant =
        env::var(SERIES).unwrap_or_else(|_| panic!("{SERIES} is not set: run this by `cargo xtask vm`"));
    let kernel = KERNELS.iter().find(|kernel| kernel.series == meant);
    let kernel = kernel.unwrap_or_else(|| panic!("Linux {meant} is not in the list of kernels"));
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    assert!(release.starts_with(&format!("{}.", kernel.series)), "{meant} was meant, this is {release}");
    kernel
}
