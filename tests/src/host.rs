//! All that a lab could leave behind on a host, as one text to compare.

use std::fs;

use crate::sandbox::run;

/// Names, files, mounts and interfaces, without the numbers that differ between runs.
///
/// # Panics
///
/// If the host cannot be read.
#[must_use]
pub fn left_behind() -> String {
    let folders = ["/run/netns", "/run/netmon", "/etc/netns"].map(|folder| {
        let names = fs::read_dir(folder).map(|entries| {
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            names.sort();
            names
        });
        format!("{folder}: {:?}", names.ok())
    });
    let mounts = fs::read_to_string("/proc/thread-self/mounts").expect("/proc");
    let mounts: Vec<&str> = mounts.lines().filter(|mount| mount.contains(" /run")).collect();
    let links = run("ip", &["-o", "link", "show"]);
    let links: Vec<String> =
        links.lines().filter_map(|line| Some(settled(line.split_once(": ")?.1))).collect();
    format!("{folders:?}\n{}\n{mounts:?}", links.join("\n"))
}

/// The line without the operational state and the flags of the carrier, which the kernel updates some time after an
/// interface is set up.
fn settled(line: &str) -> String {
    let line = line.replace("NO-CARRIER,", "").replace(",LOWER_UP", "");
    let mut words: Vec<&str> = line.split(' ').collect();
    if let Some(at) = words.iter().position(|word| *word == "state") {
        words.drain(at..words.len().min(at + 2));
    }
    words.join(" ")
}
