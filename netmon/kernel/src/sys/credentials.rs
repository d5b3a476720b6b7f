//! Gives up privileges between `fork` and `exec`: the user, the groups and the capabilities of a program.
//!
//! Everything here is a system call on memory that was prepared before: it does not allocate or take locks. Each call is for
//! the calling thread, which in a child after `fork` is the only one.

#![expect(unsafe_code, reason = "close_range has no safe form")]

use rustix::{
    io::Errno,
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use super::give_up::{NUMBERS, bound, limit_inheritable};

/// As whom a program runs, and what it may do. The default keeps the caller's user, and clears the ambient set only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user to become. `None` keeps the caller's.
    pub user: Option<u32>,
    /// The group to be in. `None` keeps the caller's.
    pub group: Option<u32>,
    /// The supplementary groups. `None` keeps the caller's.
    pub groups: Option<Vec<u32>>,
    /// The capabilities that the program and its children may have, one bit each. `None` leaves those of its user.
    pub capabilities: Option<u64>,
    /// The capabilities that a program of root may have, one bit each, if `capabilities` is `None`. Unlike those, they do not
    /// keep a program with the set-user-id bit from changing its user. `None` leaves all.
    pub bounding: Option<u64>,
}

impl Credentials {
    /// Returns whether the program gets fewer privileges than its parent has. Then no program that it executes may get more,
    /// as one with the set-user-id bit would.
    fn gives_up(&self) -> bool {
        self.capabilities.is_some() || self.user.is_some_and(|user| user != 0)
    }

    /// Takes effect for the calling thread.
    pub(super) fn apply(&self) -> Result<(), Errno> {
        clear_ambient_capability_set()?;
        let wanted = self.capabilities.map(CapabilitySet::from_bits_retain);
        if let Some(wanted) = wanted {
            match bound(wanted) {
                // Without CAP_SETPCAP. A user other than root cannot get more either: the flag below sees to that.
                Err(Errno::PERM) if self.user.is_some_and(|user| user != 0) => {}
                bounded => bounded?,
            }
        }
        if let (None, Some(bounding)) = (wanted, self.bounding.map(CapabilitySet::from_bits_retain)) {
            match bound(bounding) {
                // Without CAP_SETPCAP they stay, as root may expect them.
                Err(Errno::PERM) => {}
                bounded => bounded.and_then(|()| limit_inheritable(bounding))?,
            }
        }
        self.change_user(wanted)?;
        if let Some(wanted) = wanted {
            keep_only(wanted)?;
        }
        if self.gives_up() { set_no_new_privs(true) } else { Ok(()) }
    }

    fn change_user(&self, wanted: Option<CapabilitySet>) -> Result<(), Errno> {
        // Otherwise a change from root to another user clears the sets at once.
        set_keep_capabilities(wanted.is_some())?;
        if let Some(groups) = &self.groups {
            set_groups(groups)?;
        }
        if let Some(group) = self.group.map(Gid::from_raw) {
            set_thread_res_gid(group, group, group)?;
        }
        if let Some(user) = self.user.map(Uid::from_raw) {
            set_thread_res_uid(user, user, user)?;
        }
        Ok(())
    }
}

fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    /// `NGROUPS_MAX` is 65,536; a service needs a few.
    const MOST: usize = 256;
    let mut ids = [Gid::ROOT; MOST];
    let ids = ids.get_mut(..groups.len()).ok_or(Errno::INVAL)?;
    for (id, group) in ids.iter_mut().zip(groups) {
        *id = Gid::from_raw(*group);
    }
    set_thread_groups(ids)
}

/// Keeps these capabilities, as far as the caller has them, also in the ambient set: a program of another user than root has
/// them after it is executed.
fn keep_only(wanted: CapabilitySet) -> Result<(), Errno> {
    let kept = wanted & capabilities(None)?.permitted;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    for number in 0..NUMBERS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(one) {
            configure_capability_in_ambient_set(one, true)?;
        }
    }
    Ok(())
}

/// Has every descriptor from 3 on closed when the program is executed, whatever this process inherited.
pub(super) fn close_inherited() {
    /// Sets the flag instead of closing (Linux 5.11).
    const CLOEXEC: libc::c_uint = 1 << 2;
    // SAFETY: the call changes flags of descriptors only, and the arguments are integers. Kernels that do not know it
    // refuse it: then descriptors without the flag are inherited, as they would be without this call.
    unsafe { libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, CLOEXEC) };
}
