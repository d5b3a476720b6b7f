//! A network and mount namespace of a test's own, with an empty /run and an /etc that can be written to.
//!
//! Tests that build labs run in parallel, use the same names, and must neither see nor touch the host's
//! /run/netns. What a test leaves behind goes with the sandbox, also when it panics. Processes that it
//! starts are inside, too, and end with it.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    thread,
};

use netmon::sys::namespaces::{unshare_mounts, unshare_network};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::inhabitants;

/// Runs `test` inside, on a thread that ends with it. lo is up.
///
/// # Panics
///
/// When the sandbox cannot be made; and when `test` does.
pub fn sandbox<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let inside = || {
            let run = prepare();
            // Only to be sent on.
            let tested = catch_unwind(AssertUnwindSafe(test));
            inhabitants::end(run);
            tested.unwrap_or_else(|panic| resume_unwind(panic))
        };
        scope.spawn(inside).join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Makes it, and says which /run is its own.
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
    inhabitants::run_device().expect("a /run of our own")
}

/// Runs a program to its end and returns what it printed.
///
/// # Panics
///
/// When it cannot be started, or fails; with what it said.
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

/// The same inside a namespace of a lab, or in `root`.
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
