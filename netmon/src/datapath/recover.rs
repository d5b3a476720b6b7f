//! Finds programs that an earlier agent attached, by their ids.

use std::{io, os::fd::OwnedFd, path::PathBuf};

use netmon_kernel::{
    netlink::Netlink,
    sys::{
        bpf::tcx_chain,
        bpf_info::program_by_id,
        bpf_pins::{LinkPlace, link, pinned},
    },
};
use netmon_model::{
    by::Hooks,
    names::{Direction, IfIndex},
    snapshot::AttachMode,
};

use super::attach::{AttachError, Attached, Kind, tcx_hook};

impl Attached {
    /// Returns those of `programs` that are still attached to an interface. Call from a thread in its namespace.
    pub(super) fn recover(
        mode: AttachMode,
        ifindex: IfIndex,
        programs: Hooks<u32>,
        made_qdisc: bool,
        pins: Option<Hooks<PathBuf>>,
    ) -> Result<Self, AttachError> {
        let mut attached = Self::nothing(mode, ifindex, pins);
        for direction in Direction::BOTH {
            let id = programs[direction];
            if id == 0 {
                continue;
            }
            let failed = |source| AttachError::Tcx { direction, source };
            let is_there = match &mut attached.kind {
                Kind::Tcx(links) => {
                    let path = attached.pins.as_ref().map(|pins| &pins[direction]);
                    let open = path.and_then(|path| pinned(path).ok());
                    let open = open.filter(|open| is_of(open, id, ifindex, direction));
                    let is_there = is_in_chain(ifindex, direction, id).map_err(failed)? && open.is_some();
                    links[direction] = open.filter(|_| is_there);
                    is_there
                }
                Kind::Clsact { made_qdisc: made } => {
                    *made = made_qdisc;
                    is_filter(ifindex, direction, id)?
                }
            };
            if is_there {
                attached.programs[direction] = id;
            }
        }
        Ok(attached)
    }

    /// Opens the programs on both hooks, ingress first.
    pub(super) fn open_programs(&self) -> io::Result<Hooks<OwnedFd>> {
        let Hooks { ingress, egress } = self.programs;
        Ok(Hooks { ingress: program_by_id(ingress)?, egress: program_by_id(egress)? })
    }

    /// Returns the kernel's ids of the programs on the hooks, ingress first; 0 for a hook without one.
    pub(super) fn programs(&self) -> Hooks<u32> {
        self.programs
    }

    /// Returns whether both hooks have a program.
    pub(super) fn is_whole(&self) -> bool {
        self.programs.iter().all(|id| *id > 0)
    }

    /// Returns whether netmon created the clsact qdisc.
    pub(super) fn made_qdisc(&self) -> bool {
        matches!(self.kind, Kind::Clsact { made_qdisc: true })
    }
}

/// Returns whether a pinned link attaches this program to this hook.
fn is_of(open: &OwnedFd, program: u32, ifindex: IfIndex, direction: Direction) -> bool {
    link(open).is_ok_and(|there| {
        there.program == program
            && there.place == LinkPlace::Tcx { ifindex: ifindex.0, hook: tcx_hook(direction) }
    })
}

/// Returns whether the program is in the chain of a hook of this namespace. In another namespace, the same number is
/// another interface.
fn is_in_chain(ifindex: IfIndex, direction: Direction, program: u32) -> io::Result<bool> {
    match tcx_chain(ifindex.0, tcx_hook(direction)) {
        Ok(chain) => Ok(chain.contains(&program)),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_filter(ifindex: IfIndex, direction: Direction, program: u32) -> Result<bool, AttachError> {
    match Netlink::open()?.hook_filters(ifindex, direction) {
        Ok(filters) => Ok(filters.iter().any(|filter| filter.is_ours() && filter.program == Some(program))),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
