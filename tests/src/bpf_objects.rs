//! The eBPF objects of a process, as the kernel numbers them, and whether they are still there.
//!
//! Other tests load and unload their own at the same time, so counting all of them tells nothing. Numbers
//! are not given twice before the kernel has run through all of them.

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use rustix::process::Pid;

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

/// Whether the kernel still has it.
///
/// # Panics
///
/// When bpftool cannot be started.
#[must_use]
#[expect(clippy::expect_used, reason = "a test without its observer must not go on")]
pub fn exists((kind, id): Object) -> bool {
    let mut bpftool = Command::new("bpftool");
    bpftool.args([kind, "show", "id", &id.to_string()]).output().expect("bpftool").status.success()
}

/// Waits until the kernel has none of `objects`.
///
/// Maps come last. To look at a map is to open and close it, and while the kernel empties a program array
/// whose last user has gone, closing it once more makes Linux 6.18 keep the map for ever. The array is empty
/// once its programs are gone.
///
/// # Panics
///
/// When one of them is still there after `bound`.
pub fn are_gone(objects: &BTreeSet<Object>, bound: Duration) {
    let (maps, others): (Vec<Object>, Vec<Object>) = objects.iter().partition(|(kind, _)| *kind == "map");
    for object in others.into_iter().chain(maps) {
        eventually(&format!("{object:?} gone"), bound, || (!exists(object)).then_some(()));
    }
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
