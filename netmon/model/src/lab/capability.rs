//! The names of Linux's capabilities.

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

/// Returns a set of capabilities as the kernel has it, one bit each. Unknown names are left out.
#[must_use]
pub fn capability_bits(names: &[String]) -> u64 {
    let bit =
        |name: &String| CAPABILITIES.iter().position(|known| known == name).map(|number| 1_u64 << number);
    names.iter().filter_map(bit).fold(0, |all, one| all | one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_the_bit_of_its_number() {
        let bits =
            |names: &[&str]| capability_bits(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(bits(&["CAP_CHOWN"]), 1);
        assert_eq!(bits(&["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]), 1 << 10 | 1 << 13);
        assert_eq!(bits(&["CAP_CHECKPOINT_RESTORE"]), 1 << 40);
        assert_eq!(bits(&["CAP_NOTHING"]), 0);
    }
}
