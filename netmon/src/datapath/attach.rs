//! Programs onto hooks and off again, each inside the endpoint's own namespace.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
};

use netmon_kernel::{
    netlink::{Netlink, NetlinkError, clsact, qdisc::Qdisc},
    pins::{PinError, unpin_link},
    sys::{
        bpf::{TcxHook, attach_tcx_first, program_id, tcx_chain},
        bpf_pins::pin,
    },
};
use netmon_model::{
    by::Hooks,
    names::{Direction, IfIndex},
    snapshot::AttachMode,
};
use thiserror::Error;

/// The qdiscs that use a packet's delivery time themselves: there it must stay what its sender wrote.
const USES_DELIVERY_TIME: [&str; 3] = ["fq", "etf", "taprio"];

/// A program could not be attached.
#[derive(Debug, Error)]
pub enum AttachError {
    /// The kernel refused a TCX link.
    #[error("cannot attach to the {direction} hook")]
    Tcx {
        /// The hook.
        direction: Direction,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel refused a request about a filter.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A link could not be pinned, or unpinned.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// The programs on both hooks of one endpoint.
#[derive(Debug)]
pub(super) struct Attached {
    ifindex: IfIndex,
    /// The kernel's ids of the programs on the hooks, ingress first; 0 where there is none.
    pub(super) programs: Hooks<u32>,
    /// Where links are pinned, ingress first; nowhere when they go with the agent.
    pub(super) pins: Option<Hooks<PathBuf>>,
    pub(super) kind: Kind,
}

/// How programs are attached.
#[derive(Debug)]
pub(super) enum Kind {
    /// A link for each hook, ingress first. They go when they are dropped, unless they are pinned.
    Tcx(Hooks<Option<OwnedFd>>),
    /// Filters; whether the qdisc is ours.
    Clsact { made_qdisc: bool },
}

fn detach_clsact(netlink: &mut Netlink, ifindex: IfIndex, made_qdisc: bool) -> Result<(), NetlinkError> {
    let interface = shown(ifindex);
    let mut first = Ok(());
    for direction in Direction::BOTH {
        match netlink.request(&clsact::delete_filter(ifindex, &interface, direction)) {
            // What goes wrong at one hook is no reason to stay at the other.
            Err(error) if !error.is_not_found() => first = first.and(Err(error)),
            _ => {}
        }
    }
    first?;
    if made_qdisc && netlink.has_no_filters(ifindex)? {
        netlink.request(&clsact::delete_qdisc(ifindex, &interface))?;
    }
    Ok(())
}

impl Attached {
    /// An interface of the calling thread's namespace, with nothing on its hooks yet.
    pub(super) fn nothing(mode: AttachMode, ifindex: IfIndex, pins: Option<Hooks<PathBuf>>) -> Self {
        let kind = match mode {
            AttachMode::Tcx => Kind::Tcx(Hooks { ingress: None, egress: None }),
            AttachMode::Clsact => Kind::Clsact { made_qdisc: false },
        };
        Self { ifindex, programs: Hooks::default(), pins, kind }
    }

    /// Whether a program is known to be on this hook.
    pub(super) fn has(&self, direction: Direction) -> bool {
        match &self.kind {
            Kind::Tcx(links) => links[direction].is_some(),
            // A filter of ours that is there is replaced.
            Kind::Clsact { .. } => false,
        }
    }

    /// Puts a program on one hook, from a thread in the endpoint's namespace.
    pub(super) fn enter(&mut self, direction: Direction, program: &OwnedFd) -> Result<(), AttachError> {
        let Self { ifindex, programs, pins, kind } = self;
        let failed = |source| AttachError::Tcx { direction, source };
        let id = program_id(program).map_err(failed)?;
        match kind {
            Kind::Tcx(links) => {
                let link =
                    attach_tcx_first(program.as_fd(), ifindex.0, tcx_hook(direction)).map_err(failed)?;
                if let Some(pins) = pins {
                    let path = &pins[direction];
                    // Of another link that was there, somebody took the program off.
                    unpin_link(path)?;
                    pin(&link, path).map_err(|source| PinError::failed("pin", path, source))?;
                }
                links[direction] = Some(link);
            }
            Kind::Clsact { made_qdisc } => {
                let mut netlink = Netlink::open()?;
                match netlink.request(&clsact::add_qdisc(*ifindex, &shown(*ifindex))) {
                    Ok(()) => *made_qdisc = true,
                    Err(error) if error.is_already_there() => {}
                    Err(error) => return Err(error.into()),
                }
                netlink.request(&clsact::set_filter(
                    *ifindex,
                    &shown(*ifindex),
                    direction,
                    program.as_fd(),
                ))?;
            }
        }
        programs[direction] = id;
        Ok(())
    }

    /// Takes the program off one hook, from a thread in the endpoint's namespace.
    pub(super) fn leave(&mut self, direction: Direction) -> Result<(), AttachError> {
        self.programs[direction] = 0;
        match &mut self.kind {
            Kind::Tcx(links) => {
                if let Some(pins) = &self.pins {
                    unpin_link(&pins[direction])?;
                }
                links[direction] = None;
            }
            Kind::Clsact { .. } => {
                let delete = clsact::delete_filter(self.ifindex, &shown(self.ifindex), direction);
                match Netlink::open()?.request(&delete) {
                    Err(error) if !error.is_not_found() => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// How the programs are attached.
    pub(super) fn mode(&self) -> AttachMode {
        match self.kind {
            Kind::Tcx(_) => AttachMode::Tcx,
            Kind::Clsact { .. } => AttachMode::Clsact,
        }
    }

    /// Takes the programs off, from a thread in the endpoint's namespace. An interface that is gone took
    /// them along.
    pub(super) fn detach(self) -> Result<(), AttachError> {
        match self.kind {
            Kind::Tcx(links) => {
                self.pins.iter().flat_map(Hooks::iter).try_for_each(|path| unpin_link(path))?;
                drop(links);
            }
            Kind::Clsact { made_qdisc } => {
                let mut netlink = Netlink::open()?;
                match detach_clsact(&mut netlink, self.ifindex, made_qdisc) {
                    Err(error) if !error.is_not_found() => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The hooks at which somebody else's program runs before ours, or ours is gone, from a thread in the
    /// endpoint's namespace.
    pub(super) fn overtaken(&self) -> io::Result<Vec<Direction>> {
        let Kind::Tcx(_) = &self.kind else { return self.overtaken_on_clsact() };
        let mut overtaken = Vec::new();
        for direction in Direction::BOTH {
            let ours = self.programs[direction];
            if tcx_chain(self.ifindex.0, tcx_hook(direction))?.first() != Some(&ours).filter(|id| **id > 0) {
                overtaken.push(direction);
            }
        }
        Ok(overtaken)
    }

    /// A filter of our priority that comes later goes before ours, and a TCX program goes before all filters.
    fn overtaken_on_clsact(&self) -> io::Result<Vec<Direction>> {
        let mut netlink = Netlink::open().map_err(io::Error::other)?;
        let mut overtaken = Vec::new();
        for direction in Direction::BOTH {
            let first = netlink.our_filter_is_first(self.ifindex, direction).map_err(io::Error::other)?;
            if !first || has_tcx_programs(self.ifindex, direction)? {
                overtaken.push(direction);
            }
        }
        // An interface that is gone has no filters, which is not an error.
        if !overtaken.is_empty() {
            let interfaces = netlink.interfaces().map_err(io::Error::other)?;
            if !interfaces.iter().any(|interface| interface.index == self.ifindex.0) {
                return Err(io::Error::from_raw_os_error(libc::ENODEV));
            }
        }
        Ok(overtaken)
    }
}

/// Whether a TCX chain has programs; a kernel before Linux 6.6 has no such chain.
fn has_tcx_programs(ifindex: IfIndex, direction: Direction) -> io::Result<bool> {
    match tcx_chain(ifindex.0, tcx_hook(direction)) {
        Ok(chain) => Ok(!chain.is_empty()),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The interfaces of the calling thread's namespace with a qdisc that uses delivery times itself: at the
/// root, or below it, as fq is under mq and often under htb.
pub(super) fn users_of_delivery_time() -> Result<Vec<IfIndex>, NetlinkError> {
    let qdiscs = Netlink::open()?.qdiscs()?;
    let uses = |qdisc: &Qdisc| USES_DELIVERY_TIME.contains(&qdisc.kind.as_str());
    Ok(qdiscs.into_iter().filter(uses).map(|qdisc| qdisc.interface).collect())
}

/// What errors call an interface that is known by its number.
fn shown(ifindex: IfIndex) -> String {
    format!("number {ifindex}")
}

pub(super) fn tcx_hook(direction: Direction) -> TcxHook {
    match direction {
        Direction::Ingress => TcxHook::Ingress,
        Direction::Egress => TcxHook::Egress,
    }
}
