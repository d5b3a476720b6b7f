//! What ends of links lack of their impairments, and what of somebody else's is in the way.

use netmon_model::{
    impairment::{Impairment, USUAL_MTU},
    lab::{End, Link},
    names::Place,
};

use crate::topology::{actual::ActualInterface, installed_impairment::InstalledImpairment, step::Step};

/// The step to what is wanted at an end; none where it is so. What is not ours stays, and is in the way only of what
/// would need its place.
pub(in crate::topology) fn step(
    place: &Place,
    wanted: Impairment,
    mtu: u32,
    there: Option<&InstalledImpairment>,
) -> Option<Step> {
    let is_so = there.map_or(wanted.is_none(), |there| there.is(&wanted, mtu));
    (!is_so).then(|| Step::Impair { place: place.clone(), mtu, impairment: wanted })
}

/// What is in the way of an impairment.
pub(in crate::topology) fn conflicts(
    place: &Place,
    wanted: &Impairment,
    there: &InstalledImpairment,
) -> Vec<String> {
    let mut found = Vec::new();
    let at = format!("interface {} in namespace {}", place.interface, place.namespace);
    if let Some(kind) =
        there.foreign_queue.as_ref().filter(|_| wanted.delay.is_some() || wanted.rate.is_some())
    {
        found.push(format!("{at} has a qdisc {kind} that is not netmon's, where its delay or rate would be"));
    }
    if let Some(what) = there.in_the_way_of_loss.as_ref().filter(|_| wanted.loss.is_some()) {
        found.push(format!("{at} has {what}, which is not netmon's, where its loss would be"));
    }
    found
}

pub(super) fn of_end(link: &Link, end: &End, there: Option<&ActualInterface>) -> Option<Step> {
    // Queues are reckoned for it.
    let mtu = link.mtu.unwrap_or(USUAL_MTU);
    step(&end.place(), end.impairment, mtu, there.map(|there| &there.impairment))
}

pub(super) fn conflicts_of_end(end: &End, there: &ActualInterface) -> Vec<String> {
    conflicts(&end.place(), &end.impairment, &there.impairment)
}
