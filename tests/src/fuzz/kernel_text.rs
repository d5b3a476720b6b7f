//! Files of the kernel: the stat and mountinfo of a process, which other users shape, and the BTF of the kernel.

use netmon::datapath::fuzz::kernel_types;
use netmon_kernel::proc::{Mount, Mounts, Stat};

/// Reads bytes as each of the files.
pub(super) fn read(bytes: &[u8]) -> bool {
    let is_stat = Stat::parse(&String::from_utf8_lossy(bytes)).is_some();
    let has_mounts = Mounts::new(bytes.to_vec()).iter().filter_map(Mount::point).count() > 0;
    is_stat || has_mounts || kernel_types(bytes).is_some_and(|found| found > 0)
}
