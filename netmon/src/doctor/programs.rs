//! Foreign programs on the hooks of veth interfaces, in root and in the namespaces of labs that are not dead.
//!
//! TCX programs run first, then filters, each in the order of their chain. A program in front of netmon's may end or
//! redirect packets that netmon then does not count. A program behind netmon's changes no count.

use std::io;

use netmon_kernel::{
    netlink::{Netlink, clsact::Filter, loss_filter::LossFilter},
    sys::{
        bpf::{TcxHook, tcx_chain},
        bpf_info::program_name,
    },
};
use netmon_model::{
    error::chain,
    names::{Direction, IfIndex, IfName, NsName, Place},
    snapshot::AttachMode,
};
use serde::Serialize;

use super::{Finding, Section};
use crate::{
    datapath::is_hook_program,
    leftovers::Leftovers,
    topology::{TopologyError, handle::Handle},
};

const SECTION: Section = Section::Hooks;

/// A program on a hook that does not belong to netmon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForeignProgram {
    /// The interface.
    #[serde(flatten)]
    pub place: Place,
    /// The hook.
    pub direction: Direction,
    /// Its name, with the kernel's id or the filter's priority and handle.
    pub program: String,
    /// How it is attached.
    pub attached: AttachMode,
    /// Its position among all programs on this hook, from 1.
    pub position: usize,
    /// The number of programs on this hook.
    pub chain_length: usize,
    /// The position of netmon's own program. `None` if netmon does not watch this hook.
    pub netmon_position: Option<usize>,
}

pub(super) struct Programs {
    pub(super) findings: Vec<Finding>,
    pub(super) foreign: Vec<ForeignProgram>,
}

pub(super) fn examine(leftovers: &Leftovers) -> Programs {
    let root = NsName::root();
    let of_labs = leftovers.labs.iter().filter(|lab| !lab.is_dead()).flat_map(|lab| &lab.namespaces);
    let (mut hooks, mut foreign, mut findings) = (0, Vec::new(), Vec::new());
    for namespace in [&root].into_iter().chain(of_labs) {
        match in_namespace(namespace) {
            Ok((examined, found)) => {
                hooks += examined;
                foreign.extend(found);
            }
            Err(why) => {
                findings.push(Finding::not_examined(SECTION, format!("hooks in {namespace}"), &why));
            }
        }
    }
    if foreign.is_empty() && findings.is_empty() {
        let found = format!("none on the {hooks} hooks of veth interfaces");
        findings.push(Finding::ok(SECTION, "foreign programs", found));
    }
    findings.extend(foreign.iter().map(finding));
    Programs { findings, foreign }
}

fn finding(program: &ForeignProgram) -> Finding {
    let ForeignProgram { place, direction, position, chain_length, .. } = program;
    let what = format!("{direction} of {} in {}", place.interface, place.namespace);
    let how = match program.attached {
        AttachMode::Tcx => "TCX",
        AttachMode::Clsact => "clsact",
        AttachMode::Tracing => "tracing",
        AttachMode::Count => "count",
    };
    let found = format!("{} ({how}), position {position} of {chain_length}", program.program);
    let advice = match program.netmon_position {
        None => "netmon would run before it",
        Some(netmon) if netmon < *position => "netmon runs before it and sees every packet",
        Some(_) => "it runs before netmon: packets that it drops or redirects are not counted",
    };
    Finding::note(SECTION, what, found, advice)
}

/// Returns the number of hooks of veth interfaces in `namespace`, and the foreign programs on them.
///
/// A namespace that no longer exists has none.
fn in_namespace(namespace: &NsName) -> Result<(usize, Vec<ForeignProgram>), String> {
    if namespace.is_root() {
        return on_this_thread(namespace);
    }
    match Handle::open(namespace) {
        Ok(handle) => handle.namespace.run(|| on_this_thread(namespace)).map_err(|error| chain(&error))?,
        Err(TopologyError::NetNs(error)) if error.kind() == io::ErrorKind::NotFound => Ok((0, Vec::new())),
        Err(error) => Err(chain(&error)),
    }
}

/// Does the same on a thread that is already in that namespace.
fn on_this_thread(namespace: &NsName) -> Result<(usize, Vec<ForeignProgram>), String> {
    let mut netlink = Netlink::open().map_err(|error| chain(&error))?;
    let interfaces = netlink.interfaces().map_err(|error| chain(&error))?;
    let (mut hooks, mut foreign) = (0, Vec::new());
    for veth in interfaces.iter().filter(|interface| interface.kind.as_deref() == Some("veth")) {
        let Ok(interface) = veth.name.parse::<IfName>() else { continue };
        let place = Place { namespace: namespace.clone(), interface };
        for direction in Direction::BOTH {
            let chain = on_hook(&mut netlink, IfIndex(veth.index), direction)?;
            hooks += 1;
            foreign.extend(foreign_in(&chain, &place, direction));
        }
    }
    Ok((hooks, foreign))
}

/// One program on a hook.
struct Attached {
    attached: AttachMode,
    program: String,
    ours: bool,
}

/// Returns all programs on one hook, in the order in which they run.
fn on_hook(netlink: &mut Netlink, index: IfIndex, direction: Direction) -> Result<Vec<Attached>, String> {
    let hook = match direction {
        Direction::Ingress => TcxHook::Ingress,
        Direction::Egress => TcxHook::Egress,
    };
    let ids = match tcx_chain(index.0, hook) {
        Ok(ids) => ids,
        // Before Linux 6.6 there are no chains (EINVAL), or the interface has just been deleted (ENODEV).
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENODEV)) => Vec::new(),
        Err(error) => return Err(format!("cannot read the TCX chain: {error}")),
    };
    let mut all: Vec<Attached> = ids.into_iter().map(Attached::from_tcx).collect();
    match netlink.hook_filters(index, direction) {
        // A declared loss is netmon's own program. It runs behind the measuring one.
        Ok(filters) => {
            let others = filters.iter().filter(|filter| LossFilter::from_filter(filter).is_none());
            all.extend(others.map(Attached::from_filter));
        }
        // There is no clsact qdisc, or the interface has been deleted.
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(chain(&error)),
    }
    Ok(all)
}

impl Attached {
    fn from_tcx(id: u32) -> Self {
        let name = program_name(id).unwrap_or_default();
        let ours = is_hook_program(&name);
        let shown = if name.is_empty() { "a program".to_owned() } else { name };
        Self { attached: AttachMode::Tcx, program: format!("{shown} (id {id})"), ours }
    }

    fn from_filter(filter: &Filter) -> Self {
        let name = filter.name.as_deref().unwrap_or(&filter.kind);
        let program = format!("{name} (priority {}, handle {:#x})", filter.priority, filter.handle);
        Self { attached: AttachMode::Clsact, program, ours: filter.is_ours() }
    }
}

fn foreign_in(chain: &[Attached], place: &Place, direction: Direction) -> Vec<ForeignProgram> {
    let netmon_position = chain.iter().position(|attached| attached.ours).map(|index| index + 1);
    let foreign = chain.iter().zip(1..).filter(|(attached, _)| !attached.ours);
    foreign
        .map(|(attached, position)| ForeignProgram {
            place: place.clone(),
            direction,
            program: attached.program.clone(),
            attached: attached.attached,
            position,
            chain_length: chain.len(),
            netmon_position,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ours: &[bool]) -> Vec<Attached> {
        let one = |ours: &bool| Attached { attached: AttachMode::Tcx, program: "p".to_owned(), ours: *ours };
        ours.iter().map(one).collect()
    }

    #[test]
    fn a_program_before_netmon_is_told_apart_from_one_behind_it() {
        let place = Place { namespace: NsName::root(), interface: "veth0".parse().unwrap() };
        let found = foreign_in(&chain(&[false, true, false]), &place, Direction::Egress);
        let positions: Vec<_> =
            found.iter().map(|one| (one.position, one.chain_length, one.netmon_position)).collect();
        assert_eq!(positions, [(1, 3, Some(2)), (3, 3, Some(2))]);
        assert!(finding(&found[0]).advice.unwrap().contains("not counted"));
        assert!(finding(&found[1]).advice.unwrap().contains("sees every packet"));
        let [alone] = &foreign_in(&chain(&[false]), &place, Direction::Ingress)[..] else { panic!() };
        assert_eq!(alone.netmon_position, None);
        assert!(foreign_in(&chain(&[true]), &place, Direction::Ingress).is_empty());
    }
}
