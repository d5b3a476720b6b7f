//! One link's impairment looked at, and changed while it stands, whatever the lab file says: the next `up` or `reload`
//! puts back what that says.
//!
//! What is wrong with the wish, what this kernel lacks, and what is in the way is found out for all directions first;
//! when a request fails then, those before it are taken back.

use std::collections::BTreeMap;

use netmon_kernel::netlink::Request;
use netmon_model::{
    error::chain,
    impairment::{Change, Impairment, USUAL_MTU},
    names::{IfIndex, LabName, LinkName, Place, Side},
};

use super::{
    apply::impairments::{Asked, Programs, Target},
    error::TopologyError,
    handle::Handle,
    installed_impairment::{self, InstalledImpairment},
    planner::{impairment_conflicts, impairment_step},
    step::Step,
};
use crate::{
    ownership::{
        claim::Claim,
        mark::Mark,
        state::{RecordedInterface, RecordedLink, State},
    },
    topology::qdisc_support::{lacking, look_for},
};

/// An end as it is.
struct End {
    place: Place,
    index: IfIndex,
    mtu: u32,
    handle: Handle,
    imposed: InstalledImpairment,
}

/// What is imposed on the packets that leave through both ends of a link, as the kernel says, `a` first.
///
/// # Errors
///
/// When there is no such link, or the kernel cannot be asked.
pub fn look(lab: &LabName, link: &LinkName) -> Result<[Impairment; 2], TopologyError> {
    let (link, mark) = (recorded(lab, link)?, Mark::of(lab));
    Ok([End::open(&link.a, &mark)?.imposed.impairment(), End::open(&link.b, &mark)?.imposed.impairment()])
}

/// Changes what is imposed on the packets that leave through some ends of a link, and returns what it is now.
///
/// # Errors
///
/// Amounts that do not go together, a kernel that lacks something, or a conflict, before anything is changed; or the
/// request that failed, after those before it were taken back.
pub fn impair(
    claim: &Claim,
    link: &LinkName,
    sides: &[Side],
    change: Change,
) -> Result<BTreeMap<Side, Impairment>, TopologyError> {
    let (mark, link) = (Mark::of(claim.lab()), recorded(claim.lab(), link)?);
    let (mut wanted, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for side in sides.iter().copied() {
        let end = End::open(link.end(side), &mark)?;
        let impairment = change.applied_to(end.imposed.impairment());
        impairment.check(end.mtu)?;
        wanted.insert(side, impairment);
        ends.insert(side, end);
    }
    let lacking = lacking(wanted.values().map(|impairment| (&link.name, *impairment)), look_for);
    if !lacking.is_empty() {
        return Err(TopologyError::Unsupported { lacking });
    }
    let in_the_way: Vec<String> = ends
        .iter()
        .flat_map(|(side, end)| impairment_conflicts(&end.place, &wanted[side], &end.imposed))
        .collect();
    if !in_the_way.is_empty() {
        return Err(TopologyError::Conflict(in_the_way));
    }
    impose(&wanted, &mut ends)?;
    Ok(wanted)
}

fn recorded(lab: &LabName, link: &LinkName) -> Result<RecordedLink, TopologyError> {
    let state = State::load(lab);
    let links = state.into_iter().flat_map(|state| state.links);
    let found = links.into_iter().find(|there| there.name == *link);
    found.ok_or_else(|| TopologyError::NoSuchLink { lab: lab.clone(), link: link.clone() })
}

/// Asks for all of it; at the first failure, what was done is taken back.
fn impose(wanted: &BTreeMap<Side, Impairment>, ends: &mut BTreeMap<Side, End>) -> Result<(), TopologyError> {
    let mut programs = Programs::default();
    let mut done: Vec<(Side, Vec<Request>)> = Vec::new();
    for (side, end) in ends.iter_mut() {
        for Asked { request, inverse } in end.requests(wanted[side], &mut programs)? {
            match end.handle.netlink().and_then(|netlink| netlink.request(&request)) {
                Ok(()) => done.push((*side, inverse)),
                Err(error) => return Err(take_back(error.into(), done, ends)),
            }
        }
    }
    Ok(())
}

fn take_back(
    source: TopologyError,
    done: Vec<(Side, Vec<Request>)>,
    ends: &mut BTreeMap<Side, End>,
) -> TopologyError {
    let mut left = Vec::new();
    for (side, inverse) in done.into_iter().rev() {
        let Some(end) = ends.get_mut(&side) else { continue };
        let mut ask = |one| end.handle.netlink().and_then(|netlink| netlink.request(one));
        left.extend(inverse.iter().filter_map(|one| ask(one).err()).map(|e| chain(&e)));
    }
    if left.is_empty() { source } else { TopologyError::NotUndone { source: Box::new(source), left } }
}

impl End {
    /// The end that was made under this link-layer address; it may have another name by now.
    fn open(recorded: &RecordedInterface, mark: &Mark) -> Result<Self, TopologyError> {
        let mut handle = Handle::open(&recorded.namespace)?;
        let place = Place { namespace: recorded.namespace.clone(), interface: recorded.interface.clone() };
        let there = handle
            .netlink()?
            .interfaces()?
            .into_iter()
            .find(|there| there.mac == Some(recorded.mac) && mark.is(there.alias.as_deref()));
        let there = there.ok_or_else(|| TopologyError::Gone(place.to_string()))?;
        let index = IfIndex(there.index);
        let imposed = installed_impairment::read(handle.netlink()?, &[index].into())?
            .remove(&index)
            .unwrap_or_default();
        let mtu = if there.mtu == 0 { USUAL_MTU } else { there.mtu };
        Ok(Self { place, index, mtu, handle, imposed })
    }

    fn requests(&self, wanted: Impairment, programs: &mut Programs) -> Result<Vec<Asked>, TopologyError> {
        match impairment_step(&self.place, wanted, self.mtu, Some(&self.imposed)) {
            Some(Step::Impair { place, mtu, impairment }) => {
                let target = Target { place: &place, index: self.index, mtu, there: &self.imposed };
                target.requests(&impairment, programs)
            }
            _ => Ok(Vec::new()),
        }
    }
}
