//! What a user without privileges does beside netmon: uid 65534, no capabilities.

use std::process::Command;

use netmon_kernel::netns::NetNs;

use crate::{eventually::eventually, running::Running, sandbox::run};

/// The user.
pub const UID: u32 = 65534;
const AS_USER: [&str; 5] = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Runs a program as the user, to its end. Returns whether it succeeded, and what it printed.
///
/// # Panics
///
/// If it cannot be started.
#[must_use]
pub fn runs(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("setpriv").args(AS_USER).args(arguments).output().expect("setpriv");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

/// Starts a program of the user's, which ends with the test.
///
/// # Panics
///
/// If it cannot be started.
#[must_use]
pub fn starts(name: &'static str, arguments: &[&str]) -> Running {
    Running::start(name, "setpriv", &[&AS_USER[..], arguments].concat()).expect("setpriv")
}

/// Holds flock(2) on a folder, as everybody may who can open it.
///
/// # Panics
///
/// If the user does not get the lock.
#[must_use]
pub fn locks(folder: &str) -> Running {
    let holder = starts("holder", &["flock", folder, "sleep", "1000"]);
    eventually("the user's lock", PATIENCE, || {
        let free = Command::new("flock").args(["-n", folder, "true"]).status().expect("flock");
        (!free.success()).then_some(())
    });
    holder
}

/// Starts a container of the user's: user and network namespace of its own, with `alias` on its lo, and names it in
/// /run/netns as container tools do.
///
/// # Panics
///
/// If it cannot be made.
#[must_use]
pub fn container(name: &str, alias: &str) -> Running {
    let script = format!("ip link set lo up alias {alias}; exec sleep 1000");
    let running = starts("container", &["unshare", "-Urn", "sh", "-c", &script]);
    let pid = running.child().id().to_string();
    let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let own = std::fs::read_link("/proc/thread-self/ns/net").ok();
    eventually("a namespace", PATIENCE, || (of(&pid).is_some() && of(&pid) != own).then_some(()));
    run("mkdir", &["-p", "/run/netns"]);
    run("ip", &["netns", "attach", name, &pid]);
    eventually("its alias", PATIENCE, || {
        run("ip", &["-n", name, "-o", "link", "show", "lo"]).contains(alias).then_some(())
    });
    assert!(!NetNs::open(&crate::labs::valid(name)).expect("a namespace").is_own_users());
    running
}
