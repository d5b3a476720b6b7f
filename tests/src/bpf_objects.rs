//! The eBPF objects of a process, by their kernel ids, and whether they still exist.
//!
//! Other tests load and unload objects at the same time, so a count of all of them shows nothing. The kernel does not
//! reuse an id before it has used all others.

use std::{collections::BTreeSet, fs};

use netmon_kernel::sys::bpf::{ObjectKind, object_exists};
use rustix::process::Pid;

/// The kind of an object, and its id.
pub type Object = (ObjectKind, u32);

/// How `/proc/PID/fdinfo` names the id of each kind.
const FIELDS: [(ObjectKind, &str); 3] =
    [(ObjectKind::Program, "prog_id:"), (ObjectKind::Map, "map_id:"), (ObjectKind::Link, "link_id:")];

/// All objects to which a process holds a descriptor, and the programs of its links.
#[must_use]
pub fn held_by(pid: Pid) -> BTreeSet<Object> {
    let descriptors = fs::read_dir(format!("/proc/{}/fdinfo", pid.as_raw_nonzero()));
    let texts = descriptors.into_iter().flatten().flatten().map(|entry| fs::read_to_string(entry.path()));
    texts.flatten().flat_map(|text| numbers(&text)).collect()
}

fn numbers(fdinfo: &str) -> Vec<Object> {
    let of_line = |line: &str| {
        FIELDS.into_iter().find_map(|(kind, field)| {
            Some((kind, line.strip_prefix(field)?.trim().parse().ok().filter(|&id| id != 0)?))
        })
    };
    fdinfo.lines().filter_map(of_line).collect()
}

/// Whether an object still exists.
///
/// # Panics
///
/// If the kernel does not answer.
#[must_use]
pub fn exists((kind, id): Object) -> bool {
    object_exists(kind, id).expect("the kernel's numbers (are you root?)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_its_own_id_and_that_of_its_program() {
        let fdinfo =
            "pos:\t0\nflags:\t02000000\nlink_type:\ttcx\nlink_id:\t12\nprog_tag:\tab\nprog_id:\t34\n";
        assert_eq!(numbers(fdinfo), [(ObjectKind::Link, 12), (ObjectKind::Program, 34)]);
    }
}
