//! The same lab by a shell script of `ip` commands, as tutorials have it, and its way out.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::reference::{Watch, addresses_of, interface_of, name_of};

/// Builds it, command by command. Where a tutorial enters the namespace (`ip netns exec`), this uses `ip -n`,
/// which is quicker.
pub(super) fn up(count: u32) -> Result<Duration> {
    let lines: Vec<String> = (0..count)
        .map(|number| {
            let (name, interface) = (name_of(number), interface_of(number));
            let [near, far] = addresses_of(number);
            format!(
                "ip netns add {name}
ip link add {interface} type veth peer name {interface}p
ip link set {interface}p netns {name}
ip addr add {near}/30 dev {interface}
ip link set {interface} up
ip -n {name} addr add {far}/30 dev {interface}p
ip -n {name} link set lo up
ip -n {name} link set {interface}p up
ip -n {name} route add default via {near}
"
            )
        })
        .collect();
    timed(&format!("set -e\n{}", lines.concat()))
}

/// What taking the names away by `ip netns del` took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deleted {
    /// Until the loop was through.
    pub(super) returned: Duration,
    /// Until the links were gone as well.
    pub(super) gone: Duration,
}

pub(super) fn down(count: u32) -> Result<Deleted> {
    let watch = Watch::start()?;
    let begun = Instant::now();
    let names: Vec<String> = (0..count).map(name_of).collect();
    let returned = timed(&format!("set -e\nfor name in {}; do ip netns del $name; done\n", names.join(" ")))?;
    watch.until_gone(count)?;
    Ok(Deleted { returned, gone: begun.elapsed() })
}

/// Runs a script. From a file, as it would be: the shell reads what is piped into it byte by byte.
fn timed(script: &str) -> Result<Duration> {
    const FILE: &str = "/run/sandbox/script";
    fs::write(FILE, script)?;
    let begun = Instant::now();
    let status = Command::new("sh").arg(FILE).stdin(Stdio::null()).status()?;
    if !status.success() {
        bail!("the script of `ip` commands failed ({status})");
    }
    Ok(begun.elapsed())
}
