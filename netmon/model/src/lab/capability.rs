//! The names of Linux's capabilities, and those that a service of root has unless it names others.

/// Every capability, by its number (`linux/capability.h`).
pub const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The capabilities of a service of root that names none: the fourteen that Docker and Podman give root in a container, and
/// two that programs of a network need, for interfaces, routes and firewalls, and for mounts and namespaces of their own.
pub const SERVICE_CAPABILITIES: [&str; 16] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_ADMIN",
    "CAP_SYS_CHROOT",
];

/// Returns a set of capabilities as the kernel has it, one bit each. Unknown names are left out.
#[must_use]
pub fn capability_bits(names: &[impl AsRef<str>]) -> u64 {
    let number = |name: &str| CAPABILITIES.iter().position(|known| *known == name);
    let bit = |name: &dyn AsRef<str>| number(name.as_ref()).map(|number| 1_u64 << number);
    names.iter().filter_map(|name| bit(name)).fold(0, |all, one| all | one)
}

/// Returns the names of a set's capabilities, by their numbers.
#[must_use]
pub fn capability_names(bits: u64) -> Vec<&'static str> {
    let is_in = |number: usize| bits & (1 << number) != 0;
    CAPABILITIES.iter().enumerate().filter(|(number, _)| is_in(*number)).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_the_bit_of_its_number() {
        assert_eq!(capability_bits(&["CAP_CHOWN"]), 1);
        assert_eq!(capability_bits(&["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]), 1 << 10 | 1 << 13);
        assert_eq!(capability_bits(&["CAP_CHECKPOINT_RESTORE"]), 1 << 40);
        assert_eq!(capability_bits(&["CAP_NOTHING"]), 0);
    }

    #[test]
    fn the_capabilities_of_a_set_are_named() {
        assert_eq!(capability_names(1 | 1 << 13), ["CAP_CHOWN", "CAP_NET_RAW"]);
        assert_eq!(capability_names(u64::MAX), CAPABILITIES);
    }

    #[test]
    fn every_capability_of_a_service_is_one_of_linux() {
        let bits = capability_bits(&SERVICE_CAPABILITIES);
        assert_eq!(bits.count_ones() as usize, SERVICE_CAPABILITIES.len());
    }
}
