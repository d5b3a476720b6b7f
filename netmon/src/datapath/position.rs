//! Whether netmon's programs are still the first on their hooks.
//!
//! The check asks the kernel about each hook, inside its namespace. With many endpoints that takes long, so it works on a
//! copy of what is attached and needs no access to the datapath. [`Datapath::confirm`] then drops what has changed
//! meanwhile.

use std::{
    io,
    sync::{Arc, Weak},
};

use netmon_ebpf::record::Tally;
use netmon_kernel::{
    netlink::Netlink,
    netns::{NetNs, NetnsId},
    sys::bpf::tcx_chain,
};
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId, IfIndex},
    snapshot::AttachMode,
};

use super::{Datapath, DatapathError, attach::tcx_hook, endpoint::Endpoint};

/// Maximum number of endpoints of one check, which takes a few milliseconds then.
const AT_ONCE: usize = 16;

/// What is attached at some endpoints of one namespace.
#[derive(Debug)]
pub struct Positions {
    /// Their namespace.
    pub netns: NetnsId,
    /// A check that has not begun does not keep the namespace alive.
    entry: Weak<NetNs>,
    mode: AttachMode,
    endpoints: Vec<Position>,
}

/// What is attached at an endpoint.
#[derive(Debug)]
struct Position {
    id: EndpointId,
    ifindex: IfIndex,
    /// The kernel's ids of the programs on the hooks; 0 for a hook without one.
    programs: Hooks<u32>,
}

/// A hook at which another program runs before netmon's, or netmon's is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// The endpoint.
    pub id: EndpointId,
    /// The hook.
    pub direction: Direction,
    /// The kernel's id of netmon's program.
    program: u32,
}

impl Datapath {
    /// Returns what is attached at all endpoints, a few endpoints of one namespace at a time.
    #[must_use]
    pub fn positions(&self) -> Vec<Positions> {
        let mut groups: Vec<Positions> = Vec::new();
        let mut endpoints: Vec<&Endpoint> = self.endpoints.values().collect();
        endpoints.sort_by_key(|endpoint| endpoint.at.netns);
        for endpoint in endpoints {
            let Some(attached) = &endpoint.attached else { continue };
            let (netns, mode) = (endpoint.netns.identity(), attached.mode());
            let position =
                Position { id: endpoint.id, ifindex: endpoint.at.ifindex, programs: attached.programs };
            let is_open = |last: &&mut Positions| {
                (last.netns, last.mode) == (netns, mode) && last.endpoints.len() < AT_ONCE
            };
            match groups.last_mut().filter(is_open) {
                Some(last) => last.endpoints.push(position),
                None => {
                    let entry = Arc::downgrade(&endpoint.netns);
                    groups.push(Positions { netns, entry, mode, endpoints: vec![position] });
                }
            }
        }
        groups
    }

    /// Returns those of `found` where the same program is still attached, and counts them as errors of kind `overtaken`.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to count.
    pub fn confirm(&mut self, found: Vec<Overtaken>) -> Result<Vec<Overtaken>, DatapathError> {
        let is_attached = |one: &Overtaken| {
            let attached = self.endpoints.get(&one.id).and_then(|endpoint| endpoint.attached.as_ref());
            attached.is_some_and(|attached| attached.programs[one.direction] == one.program)
        };
        let confirmed: Vec<Overtaken> = found.into_iter().filter(is_attached).collect();
        self.object.tallies.add(Tally::Overtaken, confirmed.len() as u64)?;
        Ok(confirmed)
    }
}

impl Positions {
    /// Asks the kernel which of these hooks other programs have taken. Of a namespace that is gone, none.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered or the kernel refuses to list a chain.
    pub fn overtaken(&self) -> Result<Vec<Overtaken>, DatapathError> {
        let Some(netns) = self.entry.upgrade() else { return Ok(Vec::new()) };
        netns.run(|| {
            let mut found = Vec::new();
            for position in &self.endpoints {
                let taken = match self.mode {
                    AttachMode::Tcx => position.overtaken_on_tcx(),
                    AttachMode::Clsact => position.overtaken_on_clsact(),
                    // There is no chain that others could be ahead in.
                    AttachMode::Tracing | AttachMode::Count => Ok(Vec::new()),
                };
                match taken {
                    Ok(taken) => found.extend(taken.into_iter().map(|direction| position.at(direction))),
                    // The interface was deleted, and the chain with it. That is reported elsewhere.
                    Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                    Err(source) => return Err(DatapathError::Chain { endpoint: position.id, source }),
                }
            }
            Ok(found)
        })?
    }
}

impl Position {
    fn at(&self, direction: Direction) -> Overtaken {
        Overtaken { id: self.id, direction, program: self.programs[direction] }
    }

    fn overtaken_on_tcx(&self) -> io::Result<Vec<Direction>> {
        let mut overtaken = Vec::new();
        for direction in Direction::BOTH {
            let ours = self.programs[direction];
            if tcx_chain(self.ifindex.0, tcx_hook(direction))?.first() != Some(&ours).filter(|id| **id > 0) {
                overtaken.push(direction);
            }
        }
        Ok(overtaken)
    }

    /// A later filter of the same priority runs before netmon's, and TCX programs run before all filters.
    fn overtaken_on_clsact(&self) -> io::Result<Vec<Direction>> {
        let mut netlink = Netlink::open().map_err(io::Error::other)?;
        let mut overtaken = Vec::new();
        for direction in Direction::BOTH {
            let first = netlink.our_filter_is_first(self.ifindex, direction).map_err(io::Error::other)?;
            if !first || has_tcx_programs(self.ifindex, direction)? {
                overtaken.push(direction);
            }
        }
        // For a deleted interface, the kernel returns no filters and no error.
        if !overtaken.is_empty() && netlink.interface(self.ifindex).map_err(io::Error::other)?.is_none() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        Ok(overtaken)
    }
}

/// Returns whether a TCX chain has programs. A kernel before Linux 6.6 has no such chain.
fn has_tcx_programs(ifindex: IfIndex, direction: Direction) -> io::Result<bool> {
    match tcx_chain(ifindex.0, tcx_hook(direction)) {
        Ok(chain) => Ok(!chain.is_empty()),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}
