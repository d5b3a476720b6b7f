//! Attaches programs to hooks and detaches them, each inside the endpoint's own namespace.

use std::{
    collections::HashSet,
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
};

use netmon_kernel::{
    netlink::{Netlink, NetlinkError, clsact, link::ONE_BY_ONE, qdisc::Qdisc},
    pins::{PinError, unpin_link},
    sys::{
        bpf::{TcxHook, attach_tcx_first, program_id},
        bpf_pins::pin,
    },
};
use netmon_model::{
    by::Hooks,
    names::{Direction, IfIndex},
    snapshot::AttachMode,
};
use thiserror::Error;

/// Qdiscs that use a packet's delivery time themselves. It must stay what the sender wrote.
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
    /// A link could not be pinned or unpinned.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// The programs on both hooks of one endpoint.
#[derive(Debug)]
pub(super) struct Attached {
    ifindex: IfIndex,
    /// The kernel's ids of the programs on the hooks, ingress first; 0 for a hook without one.
    pub(super) programs: Hooks<u32>,
    /// The paths of the pinned links, ingress first. `None` if the links end with the agent.
    pub(super) pins: Option<Hooks<PathBuf>>,
    pub(super) kind: Kind,
}

/// How programs are attached.
#[derive(Debug)]
pub(super) enum Kind {
    /// A link for each hook, ingress first. Dropping one detaches its program, unless it is pinned.
    Tcx(Hooks<Option<OwnedFd>>),
    /// Filters on a clsact qdisc, and whether netmon created the qdisc.
    Clsact { made_qdisc: bool },
}

fn detach_clsact(netlink: &mut Netlink, ifindex: IfIndex, made_qdisc: bool) -> Result<(), NetlinkError> {
    let interface = shown(ifindex);
    let mut first = Ok(());
    for direction in Direction::BOTH {
        match netlink.request(&clsact::delete_filter(ifindex, &interface, direction)) {
            // A failure at one hook does not keep the other from being detached.
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
    /// Returns an interface of the calling thread's namespace without programs on its hooks.
    pub(super) fn nothing(mode: AttachMode, ifindex: IfIndex, pins: Option<Hooks<PathBuf>>) -> Self {
        let kind = match mode {
            AttachMode::Tcx => Kind::Tcx(Hooks { ingress: None, egress: None }),
            // Only one of the two modes of hooks is asked for here.
            AttachMode::Clsact | AttachMode::Tracing | AttachMode::Count => {
                Kind::Clsact { made_qdisc: false }
            }
        };
        Self { ifindex, programs: Hooks::default(), pins, kind }
    }

    /// Returns whether a program is known to be attached to this hook.
    pub(super) fn has(&self, direction: Direction) -> bool {
        match &self.kind {
            Kind::Tcx(links) => links[direction].is_some(),
            // Attaching replaces netmon's filter, so there is no need to know.
            Kind::Clsact { .. } => false,
        }
    }

    /// Attaches a program to one hook. Call from a thread in the endpoint's namespace.
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
                    // Another program detached the link that was pinned here.
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

    /// Detaches the program from one hook. Call from a thread in the endpoint's namespace.
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

    /// Returns how the programs are attached.
    pub(super) fn mode(&self) -> AttachMode {
        match self.kind {
            Kind::Tcx(_) => AttachMode::Tcx,
            Kind::Clsact { .. } => AttachMode::Clsact,
        }
    }

    /// Detaches the programs. Call from a thread in the endpoint's namespace. Succeeds if the interface was deleted, which
    /// detaches them as well.
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
}

/// Returns whether a qdisc of this kind uses delivery times itself.
#[must_use]
pub fn uses_delivery_time(kind: &str) -> bool {
    USES_DELIVERY_TIME.contains(&kind)
}

/// Returns the interfaces with a qdisc that uses delivery times itself, as the root qdisc or below it, as fq is under mq
/// and often under htb. All of `interfaces`, which are in the calling thread's namespace, are considered.
pub(super) fn users_of_delivery_time(interfaces: &[IfIndex]) -> Result<HashSet<IfIndex>, NetlinkError> {
    let mut netlink = Netlink::open()?;
    if interfaces.len() <= ONE_BY_ONE && !any_has_queue(&mut netlink, interfaces)? {
        return Ok(HashSet::new());
    }
    let uses = |qdisc: &Qdisc| uses_delivery_time(&qdisc.kind);
    Ok(netlink.qdiscs()?.into_iter().filter(uses).map(|qdisc| qdisc.interface).collect())
}

/// Returns whether one of these interfaces has a qdisc in which packets wait.
fn any_has_queue(netlink: &mut Netlink, interfaces: &[IfIndex]) -> Result<bool, NetlinkError> {
    for index in interfaces {
        if netlink.interface(*index)?.is_some_and(|interface| interface.has_queue()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the name in error messages of an interface that is known by its number.
fn shown(ifindex: IfIndex) -> String {
    format!("number {ifindex}")
}

pub(super) fn tcx_hook(direction: Direction) -> TcxHook {
    match direction {
        Direction::Ingress => TcxHook::Ingress,
        Direction::Egress => TcxHook::Egress,
    }
}
