//! Gives up capabilities of the calling thread, for good.
//!
//! Every set shrinks, the bounding set first. A program that root executes gets what is in the bounding and inheritable
//! sets. If that were more than the thread has, the kernel would forget at execve(2) that the program is to be ended with its
//! parent (`PR_SET_PDEATHSIG`, `commit_creds` in kernel/cred.c). So afterwards both are part of the permitted set.

use std::io;

use rustix::{
    io::Errno,
    process::geteuid,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
    },
};

/// Capabilities are numbered below this.
pub(super) const NUMBERS: u32 = 64;

/// Keeps `kept` of the capabilities that the calling thread has, one bit each. Threads that it starts later have no more,
/// and neither have programs; other threads are not changed.
///
/// Returns whether it did: without CAP_SETPCAP root keeps everything, because the bounding set cannot shrink.
///
/// # Errors
///
/// The kernel's answer.
pub fn keep_only(kept: u64) -> io::Result<bool> {
    let sets = capabilities(None)?;
    let kept = CapabilitySet::from_bits_retain(kept) & sets.permitted;
    if sets.effective.contains(CapabilitySet::SETPCAP) {
        bound(kept)?;
    } else if geteuid().is_root() {
        return Ok(false);
    }
    let (effective, inheritable) = (sets.effective & kept, sets.inheritable & kept);
    set_capabilities(None, CapabilitySets { effective, permitted: kept, inheritable })?;
    Ok(true)
}

/// Gives up every capability of the calling thread, for one that only writes to open files. It must execute nothing.
///
/// # Errors
///
/// The kernel's answer.
pub fn give_up_all() -> io::Result<()> {
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Returns the capabilities that the calling thread may use or take back, one bit each.
///
/// # Errors
///
/// The kernel's answer.
pub fn permitted() -> io::Result<u64> {
    Ok(capabilities(None)?.permitted.bits())
}

/// Takes every other capability out of the bounding set, so that no program gets it by any way. Does not allocate.
pub(super) fn bound(wanted: CapabilitySet) -> Result<(), Errno> {
    for number in 0..NUMBERS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if !wanted.contains(one) {
            match remove_capability_from_bounding_set(one) {
                // The kernel does not know the number.
                Err(Errno::INVAL) => break,
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// Takes every other capability out of the inheritable set, which root's programs get as well. Does not allocate.
pub(super) fn limit_inheritable(wanted: CapabilitySet) -> Result<(), Errno> {
    let sets = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: sets.inheritable & wanted, ..sets })
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    /// Returns a field of the calling thread's status.
    fn field(name: &str) -> u64 {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }

    #[test]
    fn a_thread_without_capabilities_has_none_and_its_parent_keeps_its_own() {
        let before = field("CapPrm");
        thread::spawn(|| {
            give_up_all().unwrap();
            assert_eq!([field("CapPrm"), field("CapEff"), field("CapInh")], [0; 3]);
        })
        .join()
        .unwrap();
        assert_eq!(field("CapPrm"), before);
    }

    #[test]
    fn what_programs_can_get_is_part_of_what_the_thread_keeps() {
        thread::spawn(|| {
            let had = field("CapPrm");
            let kept = CapabilitySet::SETPCAP.union(CapabilitySet::KILL).bits();
            if keep_only(kept).unwrap() {
                assert_eq!(permitted().unwrap(), had & kept);
                assert_eq!(field("CapInh") & !kept, 0);
                // An ordinary user cannot shrink it, but gets nothing of it either.
                assert!(!geteuid().is_root() || field("CapBnd") & !kept == 0);
            }
        })
        .join()
        .unwrap();
    }
}
