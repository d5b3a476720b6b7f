//! Kernel settings of a namespace, by the names of sysctl(8).
//!
//! Only for keys of a checked lab: they are below `net`, which each namespace has its own copy of.

use std::{fs, io};

use netmon_kernel::netns::NetNs;
use netmon_model::{lab::sysctl_path, names::IfName};

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

/// Returns the key of the setting that keeps secondary IPv4 addresses of an interface when their primary is removed.
#[must_use]
pub fn promote_secondaries(interface: &IfName) -> String {
    // In a key, a slash stands for a dot in a name.
    format!("net.ipv4.conf.{}.promote_secondaries", interface.as_str().replace('.', "/"))
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

/// Returns the same key for another interface. Returns a key of the whole namespace as it is.
#[must_use]
pub fn on_interface(key: &str, interface: &str) -> String {
    match (interface_of(key), key.splitn(5, '.').collect::<Vec<_>>().as_slice()) {
        (Some(_), [net, family, kind, _, rest]) => format!("{net}.{family}.{kind}.{interface}.{rest}"),
        _ => key.to_owned(),
    }
}

/// Sets `key` in `namespace`, and returns its previous value.
///
/// # Errors
///
/// Fails if the key does not exist or the kernel refuses the value.
pub fn write(namespace: &NetNs, key: &str, value: &str) -> Result<String, TopologyError> {
    namespace.run(|| write_here(key, value))?.map_err(|source| TopologyError::File {
        operation: "set",
        operand: format!("{key} to {value:?}"),
        source,
    })
}

/// Sets `key` in the calling thread's namespace, and returns its previous value. A value that is right is not written:
/// /proc/sys may be read-only, as in containers.
pub(super) fn write_here(key: &str, value: &str) -> io::Result<String> {
    let path = sysctl_path(key);
    let before = match fs::read_to_string(&path) {
        Ok(text) => normal(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        // A few settings can only be written.
        Err(_) => String::new(),
    };
    if before != normal(value) || before.is_empty() {
        fs::write(&path, value)?;
    }
    Ok(before)
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
        assert_eq!(on_interface("net.ipv4.conf.eth0/1.rp_filter", "lo"), "net.ipv4.conf.lo.rp_filter");
        assert_eq!(on_interface("net.ipv4.conf.all.rp_filter", "lo"), "net.ipv4.conf.all.rp_filter");
        let key = promote_secondaries(&"eth0.100".parse().unwrap());
        assert_eq!(interface_of(&key).as_deref(), Some("eth0.100"));
    }
}
