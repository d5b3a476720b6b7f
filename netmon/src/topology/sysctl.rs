//! Kernel settings of a namespace, by the names of sysctl(8).
//!
//! Only `net` is a namespace's own; anything else would change the whole machine and is refused.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::error::TopologyError;
use crate::netns::NetNs;

/// The file of a key. As sysctl(8) reads it: the first separator, `.` or `/`, is the separator; the other
/// one stands for itself (`net/ipv4/conf/eth0.100/rp_filter`).
fn path_of(key: &str) -> io::Result<PathBuf> {
    let dotted = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
    let swapped = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    let relative: String = if dotted { key.chars().map(swapped).collect() } else { key.to_owned() };
    let relative = Path::new(&relative);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || !relative.starts_with("net") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "only keys below net belong to a namespace"));
    }
    Ok(Path::new("/proc/sys").join(relative))
}

/// The interface that a key is about, if it is about one: such a key is there only when the interface is.
#[must_use]
pub fn interface_of(key: &str) -> Option<String> {
    let path = path_of(key).ok()?;
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
        let text = fs::read_to_string(path_of(key).ok()?).ok()?;
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
    let write = || {
        let path = path_of(key)?;
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
    fn keys_are_read_as_sysctl_reads_them() {
        let path = |key| path_of(key).unwrap().display().to_string();
        assert_eq!(path("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(path("net/ipv4/conf/eth0.100/rp_filter"), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
        assert_eq!(path("net.ipv4.conf.eth0/100.rp_filter"), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
        for outside in ["kernel.hostname", "net/../kernel/hostname", "/net/ipv4/x", "", "network.x"] {
            assert!(path_of(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn a_key_of_an_interface_waits_for_the_interface() {
        assert_eq!(interface_of("net.ipv4.conf.veth1.rp_filter").as_deref(), Some("veth1"));
        assert_eq!(interface_of("net.ipv6.conf.all.disable_ipv6"), None);
        assert_eq!(interface_of("net.ipv4.ip_forward"), None);
    }
}
