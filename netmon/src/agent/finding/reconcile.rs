//! Which links are measured, and what has to change of them when other links are there. Pure.
//!
//! A link that is gone is measured for a while longer, so that a scrape reads its last counts. It is forgotten earlier if another
//! link takes its name, the label of one of its ends or its interface: that one starts from zero.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use netmon_model::names::{EndName, InterfaceId, LinkName, NsName};

use crate::watch::{FoundEnd, FoundLink, FoundUpdate};

/// How long the last counts of a link that is gone can be read: the usual time between two scrapes.
pub(super) const LINGER: Duration = Duration::from_secs(15);

/// The links that are measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    there: BTreeMap<LinkName, FoundLink>,
    /// Those that do not exist any more, with the time at which they are forgotten.
    gone: Vec<(FoundLink, Instant)>,
    /// Those of which the last update failed.
    failed: BTreeSet<LinkName>,
}

impl Measured {
    /// Returns whether a link is to be forgotten.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.gone.iter().any(|(_, due)| *due <= now)
    }

    /// Takes `wanted` as what there is, and returns what has to change.
    pub(super) fn update(&mut self, wanted: Vec<FoundLink>, now: Instant) -> FoundUpdate {
        let wanted: BTreeMap<LinkName, FoundLink> =
            wanted.into_iter().map(|link| (link.name.clone(), link)).collect();
        let mut update = FoundUpdate::default();
        let before = std::mem::take(&mut self.there);
        self.retire(&before, &wanted, &mut update, now);
        self.forget(&wanted, &mut update, now);
        let failed = std::mem::take(&mut self.failed);
        let differs = |link: &&FoundLink| before.get(&link.name) != Some(link) || failed.contains(&link.name);
        update.links = wanted.values().filter(differs).cloned().collect();
        self.there = wanted;
        update
    }

    /// Sorts out what has ended: whole links linger, single ends of links that go on are forgotten.
    fn retire(
        &mut self,
        before: &BTreeMap<LinkName, FoundLink>,
        wanted: &BTreeMap<LinkName, FoundLink>,
        update: &mut FoundUpdate,
        now: Instant,
    ) {
        let ends: HashSet<InterfaceId> = wanted.values().flat_map(ids).collect();
        for (name, link) in before {
            let (stays, ended): (Vec<_>, Vec<_>) = ids(link).partition(|at| ends.contains(at));
            if stays.is_empty() {
                update.gone.extend(ended);
                self.gone.push((link.clone(), now + LINGER));
                continue;
            }
            update.forgotten.extend(ended);
            if wanted.get(name).is_none_or(|new| !ids(new).any(|at| stays.contains(&at))) {
                update.parted.push(name.clone());
            }
        }
    }

    /// Forgets links that ended long enough ago, or that are in the way of another.
    fn forget(&mut self, wanted: &BTreeMap<LinkName, FoundLink>, update: &mut FoundUpdate, now: Instant) {
        let taken: HashMap<(&NsName, &EndName), InterfaceId> =
            wanted.values().flat_map(FoundLink::ends).map(|end| (place(end), end.at)).collect();
        let ends: BTreeSet<InterfaceId> = taken.values().copied().collect();
        let is_in_the_way = |link: &FoundLink| {
            wanted.contains_key(&link.name)
                || link.ends().any(|end| taken.contains_key(&place(end)) || ends.contains(&end.at))
        };
        let (going, stays): (Vec<_>, Vec<_>) = std::mem::take(&mut self.gone)
            .into_iter()
            .partition(|(link, due)| *due <= now || is_in_the_way(link));
        let going: BTreeSet<InterfaceId> = going.iter().flat_map(|(link, _)| ids(link)).collect();
        update.gone.retain(|at| !going.contains(at));
        update.forgotten.extend(going);
        self.gone = stays;
    }

    /// Has the next update contain the links of one that failed.
    pub(super) fn retry(&mut self, update: FoundUpdate) {
        self.failed.extend(update.links.into_iter().map(|link| link.name));
    }
}

fn ids(link: &FoundLink) -> impl Iterator<Item = InterfaceId> + use<'_> {
    link.ends().map(|end| end.at)
}

fn place(end: &FoundEnd) -> (&NsName, &EndName) {
    (&end.label.namespace, &end.label.interface)
}

#[cfg(test)]
mod tests;
