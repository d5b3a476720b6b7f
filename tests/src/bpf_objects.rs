//! The eBPF objects of a process, as the kernel numbers them, and all that the kernel has.
//!
//! Other tests load and unload their own at the same time, so counting all of them tells nothing. Numbers
//! are not given twice before the kernel has run through all of them.

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use rustix::process::Pid;
use serde_json::Value;

use crate::eventually::eventually;

/// What `bpftool` calls a kind of object, and its number.
pub type Object = (&'static str, u32);

/// How `/proc/PID/fdinfo` names the numbers of each kind.
const FIELDS: [(&str, &str); 3] = [("prog", "prog_id:"), ("map", "map_id:"), ("link", "link_id:")];

/// Everything that a process holds by a descriptor, and the programs of its links.
#[must_use]
pub fn held_by(pid: Pid) -> BTreeSet<Object> {
    let descriptors = fs::read_dir(format!("/proc/{}/fdinfo", pid.as_raw_nonzero()));
    let told = descriptors.into_iter().flatten().flatten().map(|entry| fs::read_to_string(entry.path()));
    told.flatten().flat_map(|text| numbers(&text)).collect()
}

fn numbers(fdinfo: &str) -> Vec<Object> {
    let of_line = |line: &str| {
        FIELDS.into_iter().find_map(|(kind, field)| {
            Some((kind, line.strip_prefix(field)?.trim().parse().ok().filter(|&id| id != 0)?))
        })
    };
    fdinfo.lines().filter_map(of_line).collect()
}

/// Everything that the kernel has now.
///
/// # Panics
///
/// When bpftool does not tell.
#[must_use]
pub fn all() -> BTreeSet<Object> {
    FIELDS.into_iter().flat_map(|(kind, _)| all_of(kind)).collect()
}

fn all_of(kind: &'static str) -> Vec<Object> {
    // It fails over an object that goes while it lists, which other tests see to.
    let listed: Vec<Value> = eventually("a list of eBPF objects", Duration::from_secs(10), || {
        let output = Command::new("bpftool").args(["-j", kind, "show"]).output().ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    });
    let number = |object: &Value| object["id"].as_u64().and_then(|id| u32::try_from(id).ok());
    listed.iter().filter_map(number).map(|id| (kind, id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_tells_its_own_number_and_its_programs() {
        let fdinfo =
            "pos:\t0\nflags:\t02000000\nlink_type:\ttcx\nlink_id:\t12\nprog_tag:\tab\nprog_id:\t34\n";
        assert_eq!(numbers(fdinfo), [("link", 12), ("prog", 34)]);
    }
}
