//! The example labs do what their comments promise: they come up with one command from anywhere, answer ping
//! and curl, and go without a trace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    eventually::eventually,
    host::left_behind,
    sandbox::{run, sandbox},
    skip::skip,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Brings a lab up from /, where no relative path leads to the file's folder; asks its server; takes it down.
fn answer_of(lab: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs").join(lab).canonicalize().unwrap();
    let netmon = |command: &str| {
        let output = Command::new(netmon()).arg(command).arg(&file).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let before = (left_behind(), files());
    netmon("up");
    run("ping", &["-c", "1", "-W", "2", "10.200.0.3"]);
    let answer = eventually("an answer", PATIENCE, || {
        let curl = Command::new("curl").args(["-sSf", "-m", "2", "http://10.200.0.3/"]).output().unwrap();
        curl.status.success().then(|| String::from_utf8_lossy(&curl.stdout).into_owned())
    });
    netmon("down");
    assert_eq!((left_behind(), files()), before);
    answer
}

/// Every file that an nginx could leave; netmon's own are in [`left_behind`].
fn files() -> Vec<PathBuf> {
    let folders =
        ["/run", "/var/lib/nginx", "/var/log/nginx", concat!(env!("CARGO_MANIFEST_DIR"), "/../labs/nginx")];
    let entries = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| !path.starts_with("/run/netmon") && !path.starts_with("/run/netns")).collect();
    files.sort();
    files
}

#[test]
fn the_lab_direct_answers_and_goes() {
    let answer = sandbox(|| answer_of("direct.toml"));
    assert!(answer.contains("direct_netns"), "{answer}");
}

#[test]
fn the_lab_direct_nginx_answers_and_leaves_no_file() {
    if Command::new("nginx").arg("-v").output().is_err() {
        return skip("nginx is not installed (Debian: nginx-core)");
    }
    let answer = sandbox(|| answer_of("direct-nginx.toml"));
    assert!(answer.contains("This is nginx in the network namespace direct_netns."), "{answer}");
}
