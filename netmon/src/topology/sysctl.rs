//! Kernel settings of a namespace, by the names of sysctl(8).
//!
//! Only for keys of a checked lab: they are below `net`, which each namespace has its own copy of.

use std::{fs, io};

use netmon_kernel::netns::NetNs;
use netmon_model::lab::sysctl_path;

use super::error::TopologyError;

/// Returns the interface that a key is about.
///
/// Such a key exists only while its interface does. Returns `None` for a key of the whole namespace.
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

/// Returns the values of `keys` in `namespace`. Keys that do not exist are left out.
///
/// # Errors
///
/// Fails if the namespace cannot be entered.
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

/// Sets `key` in `namespace`, and returns its previous value.
///
/// # Errors
///
/// Fails if the key does not exist or the kernel refuses the value.
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

/// Returns a value with single spaces: the kernel prints lists with tabs and accepts them with spaces.
#[must_use]
pub fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_an_interface_names_it_and_any_other_key_does_not() {
        assert_eq!(interface_of("net.ipv4.conf.veth1.rp_filter").as_deref(), Some("veth1"));
        assert_eq!(interface_of("net.ipv6.conf.all.disable_ipv6"), None);
        assert_eq!(interface_of("net.ipv4.ip_forward"), None);
    }
}
