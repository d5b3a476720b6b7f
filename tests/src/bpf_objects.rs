//! The eBPF objects of a process, as the kernel numbers them, and whether they are still there.
//!
//! Other tests load and unload their own at the same time, so counting all of them tells nothing. Numbers
//! are not given twice before the kernel has run through all of them.

use std::{collections::BTreeSet, fs};

use netmon::sys::bpf::{ObjectKind, object_exists};
use rustix::process::Pid;

/// A kind of object, and its number.
pub type Object = (ObjectKind, u32);

/// How `/proc/PID/fdinfo` names the numbers of each kind.
const FIELDS: [(ObjectKind, &str); 3] =
    [(ObjectKind::Program, "prog_id:"), (ObjectKind::Map, "map_id:"), (ObjectKind::Link, "link_id:")];

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

/// Whether the kernel still has it.
///
/// # Panics
///
/// When it does not tell.
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
