//! A network and mount namespace for one test, with an empty /run and a writable /etc.
//!
//! Tests that build labs run in parallel and use the same names, and they must neither see nor touch the host's
//! /run/netns. What a test leaves behind is removed with the sandbox, even if the test panics. Processes that it
//! starts are inside as well, and end with it.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    thread,
};

use netmon_kernel::sys::namespaces::{unshare_mounts, unshare_network};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::leftover_processes;

/// Runs `test` inside, on a thread of its own. lo is up.
///
/// # Panics
///
/// If the sandbox cannot be created, or if `test` panics.
pub fn sandbox<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let inside = || {
            let run = prepare();
            // Only to be resumed after the cleanup.
            let tested = catch_unwind(AssertUnwindSafe(test));
            leftover_processes::end(run);
            tested.unwrap_or_else(|panic| resume_unwind(panic))
        };
        scope.spawn(inside).join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Creates it. Returns the device of its /run.
fn prepare() -> u64 {
    unshare_network().expect("unshare -n (are you root?)");
    unshare_mounts().expect("unshare -m");
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("private mounts");
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), None).expect("a /run of our own");
    for layer in ["/run/sandbox/etc", "/run/sandbox/work"] {
        fs::create_dir_all(layer).expect("a layer over /etc");
    }
    let layers = c"lowerdir=/etc,upperdir=/run/sandbox/etc,workdir=/run/sandbox/work";
    mount("overlay", "/etc", "overlay", MountFlags::empty(), Some(layers)).expect("an /etc of our own");
    run("ip", &["link", "set", "lo", "up"]);
    leftover_processes::run_device().expect("a /run of our own")
}

/// Runs a program to its end. Returns what it printed.
///
/// # Panics
///
/// If it cannot be started, or fails; the message has its output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("{program} cannot be started: {e}"));
    assert!(
        output.status.success(),
        "{program} {}: {}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As [`run`], inside a namespace of a lab. `root` is the namespace of the test.
///
/// # Panics
///
/// As [`run`].
pub fn run_in(namespace: &str, program: &str, arguments: &[&str]) -> String {
    match namespace {
        "root" => run(program, arguments),
        _ => run("ip", &[&["netns", "exec", namespace, program], arguments].concat()),
    }
}
