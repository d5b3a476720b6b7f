//! Which impairments the ends of links lack, and which foreign qdiscs and filters are in the way.

use netmon_model::{
    impairment::{Impairment, USUAL_MTU},
    lab::{End, Link},
    names::Place,
};

use crate::topology::{actual::ActualInterface, installed_impairment::InstalledImpairment, step::Step};

/// Returns the step to the impairment that is wanted, or `None` if it is installed.
///
/// Foreign qdiscs and filters stay. They are in the way only of an impairment that needs their place.
pub(in crate::topology) fn step(
    place: &Place,
    wanted: Impairment,
    mtu: u32,
    there: Option<&InstalledImpairment>,
) -> Option<Step> {
    let is_so = there.map_or(wanted.is_none(), |there| there.matches(&wanted, mtu));
    (!is_so).then(|| Step::Impair { place: place.clone(), mtu, impairment: wanted })
}

/// Returns what is in the way of an impairment.
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
        found.push(format!(
            "{at} has a qdisc {kind} that is not netmon's, and a delay or rate needs its place"
        ));
    }
    if let Some(what) = there.in_the_way_of_loss.as_ref().filter(|_| wanted.loss.is_some()) {
        found.push(format!("{at} has {what}, which is not netmon's, and a loss needs its place"));
    }
    found
}

pub(super) fn of_end(link: &Link, end: &End, there: Option<&ActualInterface>) -> Option<Step> {
    let mtu = link.mtu.unwrap_or(USUAL_MTU);
    step(&end.place(), end.impairment, mtu, there.map(|there| &there.impairment))
}

pub(super) fn conflicts_of_end(end: &End, there: &ActualInterface) -> Vec<String> {
    conflicts(&end.place(), &end.impairment, &there.impairment)
}
