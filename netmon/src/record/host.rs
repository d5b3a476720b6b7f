//! The facts about this host that can change a figure.

use std::{fs, thread};

use netmon_compare::recording::Machine;
use netmon_kernel::proc::processor_model;

/// The clock that the kernel reads, and how long that takes, is part of every latency.
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Returns the facts about this host. What cannot be read is empty, or 0.
pub(super) fn machine() -> Machine {
    let (name, info) = (rustix::system::uname(), rustix::system::sysinfo());
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    Machine {
        host: text(name.nodename()),
        kernel: format!("{} {}", text(name.release()), text(name.version())),
        architecture: text(name.machine()),
        processor: processor_model().unwrap_or_default(),
        processors: thread::available_parallelism().map_or(0, Into::into),
        memory_bytes: info.totalram * u64::from(info.mem_unit),
        clock_source: fs::read_to_string(CLOCK_SOURCE).unwrap_or_default().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_kernel_processors_and_memory() {
        let machine = machine();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert!(machine.kernel.starts_with(release.trim()), "{machine:?}");
        assert!(machine.processors > 0 && machine.memory_bytes > 1 << 20, "{machine:?}");
    }
}
