//! The example labs keep the promises of their comments: one command from any folder brings them up, they answer ping
//! and curl, and they leave nothing behind.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use netmon_tests::{
    binary::netmon, curl::page, eventually::eventually, host::left_behind, lab_files::shipped, nginx,
    ping::ping, sandbox::sandbox, skip::skip,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Brings a lab up from /, from where no relative path leads to the file's folder; asks its server; takes it down.
fn answer_of(lab: &str) -> String {
    let file = shipped(lab);
    let netmon = |command: &str| {
        let output = Command::new(netmon()).arg(command).arg(&file).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let before = (left_behind(), files());
    netmon("up");
    ping("root", "10.200.0.3");
    let answer = eventually("an answer", PATIENCE, || page("http://10.200.0.3/"));
    netmon("down");
    assert_eq!((left_behind(), files()), before);
    answer
}

/// All files that an nginx could leave behind; netmon's own are in [`left_behind`].
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
fn the_lab_direct_answers_and_leaves_nothing() {
    let answer = sandbox(|| answer_of("direct.toml"));
    assert!(answer.contains("direct_netns"), "{answer}");
}

#[test]
fn the_lab_direct_nginx_answers_and_leaves_no_file() {
    if let Some(why) = nginx::missing() {
        return skip(why);
    }
    let answer = sandbox(|| answer_of("direct-nginx.toml"));
    assert!(answer.contains("This is nginx in the network namespace direct_netns."), "{answer}");
}
