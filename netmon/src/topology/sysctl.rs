//! Kernel settings of a namespace, by the names of sysctl(8).
//!
//! The keys are those of a checked lab: below `net`, which is the part that each namespace has of its own.

use std::{fs, io};

use netmon_kernel::netns::NetNs;
use netmon_model::lab::sysctl_path;

use super::error::TopologyError;

/// The interface that a key is about, if it is about one: such a key is there only when the interface is.
#[must_use]
pub fn interface_of(key: &str) -> Option<String> {
    let path = sysctl_path(key);
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).skip(3).collect();
    match parts[..] {
        ["net", "ipv4" | "ipv6" | "mpls", "conf" | "neigh", interface, ..]
            if interface != "all" && interface != "default" =>
        {
            Some(interface.to_owned())
        }
        _ => None,
    }
}

/// The values of `keys` in `namespace`; none for a key that is not there.
///
/// # Errors
///
/// When the namespace may not be entered.
pub fn read<'a>(
    namespace: &NetNs,
    keys: impl Iterator<Item = &'a String> + Send,
) -> Result<Vec<(String, String)>, TopologyError> {
    let read = |key: &'a String| {
        let text = fs::read_to_string(sysctl_path(key)).ok()?;
        Some((key.clone(), normal(&text)))
    };
    Ok(namespace.run(|| keys.filter_map(read).collect())?)
}

/// Sets `key` in `namespace`, and says what it was.
///
/// # Errors
///
/// When there is no such key, or the kernel refuses the value.
pub fn write(namespace: &NetNs, key: &str, value: &str) -> Result<String, TopologyError> {
    let write = || -> io::Result<String> {
        let path = sysctl_path(key);
        let before = fs::read_to_string(&path).map(|text| normal(&text)).unwrap_or_default();
        fs::write(&path, value)?;
        Ok(before)
    };
    namespace.run(write)?.map_err(|source| TopologyError::File {
        operation: "set",
        operand: format!("{key} to {value:?}"),
        source,
    })
}

/// Lists of numbers are shown with tabs and taken with blanks.
#[must_use]
pub fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_an_interface_waits_for_the_interface() {
        assert_eq!(interface_of("net.ipv4.conf.veth1.rp_filter").as_deref(), Some("veth1"));
        assert_eq!(interface_of("net.ipv6.conf.all.disable_ipv6"), None);
        assert_eq!(interface_of("net.ipv4.ip_forward"), None);
    }
}
