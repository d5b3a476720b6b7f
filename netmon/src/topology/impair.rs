//! Reads and changes the impairment of one link at run time, independently of the lab file. The next `up` or `reload`
//! restores what the file says.
//!
//! Checks all directions before it changes the first: the amounts, the kernel, and what is in the way. If a request
//! fails after that, those before it are undone.

use std::collections::BTreeMap;

use netmon_kernel::netlink::{Request, link::Interface};
use netmon_model::{
    error::chain,
    impairment::{Change, Impairment, USUAL_MTU},
    names::{IfIndex, LabName, LinkName, Place, Side},
};

use super::{
    apply::impairments::{Programs, ReversibleRequest, Target},
    error::TopologyError,
    handle::Handle,
    installed_impairment::{self, InstalledImpairment},
    planner::{impairment_conflicts, impairment_step},
    qdisc_support::{availability, missing},
    step::Step,
};
use crate::ownership::{
    claim::Claim,
    mark::Mark,
    state::{RecordedInterface, RecordedLink, State},
};

/// An end of the link as it is now.
struct CurrentEnd {
    place: Place,
    index: IfIndex,
    mtu: u32,
    handle: Handle,
    installed: InstalledImpairment,
}

/// Returns the impairments of the packets that leave through both ends of a link, `a` first, as read from the kernel.
///
/// # Errors
///
/// Fails if the lab has no such link, or the kernel cannot be asked.
pub fn installed(lab: &LabName, link: &LinkName) -> Result<[Impairment; 2], TopologyError> {
    let (link, mark) = (recorded(lab, link)?, Mark::of(lab));
    Ok([
        CurrentEnd::open(&link.a, &mark)?.installed.impairment(),
        CurrentEnd::open(&link.b, &mark)?.installed.impairment(),
    ])
}

/// Changes the impairment of the packets that leave through some ends of a link, and returns what it is now.
///
/// # Errors
///
/// Fails without a change if the lab has no such link, the amounts contradict each other, this kernel lacks a qdisc, or
/// a foreign qdisc or filter is in the way. If a request fails, returns its error after those before it were undone.
pub fn impair(
    claim: &Claim,
    link: &LinkName,
    sides: &[Side],
    change: Change,
) -> Result<BTreeMap<Side, Impairment>, TopologyError> {
    let (mark, link) = (Mark::of(claim.lab()), recorded(claim.lab(), link)?);
    let (mut wanted, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for side in sides.iter().copied() {
        let end = CurrentEnd::open(link.end(side), &mark)?;
        let impairment = change.applied_to(end.installed.impairment());
        impairment.check(end.mtu)?;
        wanted.insert(side, impairment);
        ends.insert(side, end);
    }
    let missing = missing(wanted.values().map(|impairment| (&link.name, *impairment)), availability);
    if !missing.is_empty() {
        return Err(TopologyError::Unsupported(missing));
    }
    let in_the_way: Vec<String> = ends
        .iter()
        .flat_map(|(side, end)| impairment_conflicts(&end.place, &wanted[side], &end.installed))
        .collect();
    if !in_the_way.is_empty() {
        return Err(TopologyError::Conflict(in_the_way));
    }
    install(&wanted, &mut ends)?;
    Ok(wanted)
}

/// Returns whether this is the recorded interface. The mark is to be checked as well.
fn is_recorded(there: &Interface, recorded: &RecordedInterface) -> bool {
    there.mac == Some(recorded.mac) || recorded.ifindex == Some(IfIndex(there.index))
}

fn recorded(lab: &LabName, link: &LinkName) -> Result<RecordedLink, TopologyError> {
    let state = State::load(lab);
    let links = state.into_iter().flat_map(|state| state.links);
    let found = links.into_iter().find(|there| there.name == *link);
    match found {
        Some(found) if found.in_container => Err(TopologyError::InContainer(found.name)),
        Some(found) => Ok(found),
        None => Err(TopologyError::NoSuchLink { lab: lab.clone(), link: link.clone() }),
    }
}

/// Sends the requests for all ends. At the first failure, undoes those before it.
fn install(
    wanted: &BTreeMap<Side, Impairment>,
    ends: &mut BTreeMap<Side, CurrentEnd>,
) -> Result<(), TopologyError> {
    let mut programs = Programs::default();
    let mut requests = Vec::new();
    for (side, end) in ends.iter() {
        requests
            .extend(end.requests(wanted[side], &mut programs)?.into_iter().map(|request| (*side, request)));
    }
    let mut done: Vec<(Side, Vec<Request>)> = Vec::new();
    for (side, ReversibleRequest { request, inverse }) in requests {
        let Some(end) = ends.get_mut(&side) else { continue };
        match end.handle.netlink().and_then(|netlink| netlink.request(&request)) {
            Ok(()) => done.push((side, inverse)),
            Err(error) => return Err(roll_back(error.into(), done, ends)),
        }
    }
    Ok(())
}

fn roll_back(
    source: TopologyError,
    done: Vec<(Side, Vec<Request>)>,
    ends: &mut BTreeMap<Side, CurrentEnd>,
) -> TopologyError {
    let mut left = Vec::new();
    for (side, inverse) in done.into_iter().rev() {
        let Some(end) = ends.get_mut(&side) else { continue };
        let mut ask = |one| end.handle.netlink().and_then(|netlink| netlink.request(one));
        left.extend(inverse.iter().filter_map(|one| ask(one).err()).map(|e| chain(&e)));
    }
    let step = Box::new(source);
    if left.is_empty() { TopologyError::Undone(step) } else { TopologyError::NotUndone { step, left } }
}

impl CurrentEnd {
    /// Opens the end that was recorded. Since then, it may have been renamed, or have got another link-layer address.
    fn open(recorded: &RecordedInterface, mark: &Mark) -> Result<Self, TopologyError> {
        let mut handle = Handle::open(&recorded.namespace)?;
        let place = Place { namespace: recorded.namespace.clone(), interface: recorded.interface.clone() };
        let there = handle
            .netlink()?
            .interfaces()?
            .into_iter()
            .find(|there| is_recorded(there, recorded) && mark.is_on(there.alias.as_deref()));
        let there = there.ok_or_else(|| TopologyError::Gone(place.clone()))?;
        let index = IfIndex(there.index);
        let installed = installed_impairment::read(handle.netlink()?, &[index].into())?
            .remove(&index)
            .unwrap_or_default();
        let mtu = if there.mtu == 0 { USUAL_MTU } else { there.mtu };
        Ok(Self { place, index, mtu, handle, installed })
    }

    fn requests(
        &self,
        wanted: Impairment,
        programs: &mut Programs,
    ) -> Result<Vec<ReversibleRequest>, TopologyError> {
        match impairment_step(&self.place, wanted, self.mtu, Some(&self.installed)) {
            Some(Step::Impair { place, mtu, impairment }) => {
                let target = Target { place: &place, index: self.index, mtu, there: &self.installed };
                target.requests(&impairment, programs)
            }
            _ => Ok(Vec::new()),
        }
    }
}
