//! Kernel settings of a namespace, by the keys that sysctl(8) prints.
//!
//! Only `net.*`: the other settings are global. The rules keep a key inside /proc/sys/net. Whether the kernel has the
//! setting is only known when the lab is built.

/// Returns what is wrong with a key, and how to correct it.
pub(super) fn check_key(key: &str) -> Result<(), (&'static str, &'static str)> {
    let mut parts = key.split('.');
    if parts.next() != Some("net") {
        let help = "write a setting of a network namespace, for example \"net.ipv4.ip_forward\"";
        return Err(("does not start with `net.`", help));
    }
    if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(("has white space or control characters", "write it as `sysctl` prints it"));
    }
    let leads_out = |part: &str| part.is_empty() || matches!(part, "/" | "//");
    let rest: Vec<_> = parts.collect();
    if rest.is_empty() || rest.into_iter().any(leads_out) {
        let help = "write it as `sysctl` prints it, for example \"net.ipv4.ip_forward\"";
        return Err(("has an empty part", help));
    }
    Ok(())
}

/// Returns what is wrong with a value, and how to correct it.
pub(super) fn check_value(value: &str) -> Result<(), (&'static str, &'static str)> {
    const MAX_VALUE: usize = 4095;
    if value.contains(['\0', '\n']) {
        return Err(("has a NUL or a line break", "write what `sysctl` prints after the equals sign"));
    }
    if value.len() > MAX_VALUE {
        // The kernel accepts at most one page (proc_sys_call_handler).
        return Err(("is longer than 4095 bytes", "write what `sysctl` prints after the equals sign"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_its_directory() {
        for hostile in
            ["net", "net.", "net..ipv4", "net.//.//.kernel.x", "net./.x", ".net.x", "kernel.x", "net.a b"]
        {
            assert!(check_key(hostile).is_err(), "{hostile}");
        }
        assert!(check_key("net.ipv4.conf.all.rp_filter").is_ok());
    }
}
