//! The totals of one reading: of each link, what rates and recent latencies are computed from.
//!
//! A snapshot of a thousand links is tens of MiB, and several are kept. So this has no names but those that a lookup
//! needs, and shares these with the second before: they change with the lab only. It also shares the totals of a link that
//! nothing has passed since.

use std::{collections::HashMap, sync::Arc, time::Duration};

use netmon_model::{
    names::LinkName,
    snapshot::{LinkSnapshot, Snapshot},
};

use super::{LinkDelta, LinkTotals};

/// A rate over less than this would mostly be noise.
const MIN_WINDOW: Duration = Duration::from_millis(200);

/// The totals of every link at one moment. The default is a moment before the first reading, without links.
#[derive(Debug, Default)]
pub struct Second {
    monotonic_ns: u64,
    /// The totals, in the order of the snapshot's links.
    links: Vec<Arc<LinkTotals>>,
    /// The position of each link in `links`.
    positions: Arc<HashMap<LinkName, usize>>,
}

impl Second {
    /// Takes the totals of a reading. `previous` only saves memory: what is equal is shared.
    pub(crate) fn new(snapshot: &Snapshot, previous: &Self) -> Self {
        let is_unchanged = previous.links.len() == snapshot.links.len()
            && snapshot
                .links
                .iter()
                .enumerate()
                .all(|(at, link)| previous.positions.get(&link.name) == Some(&at));
        let positions = if is_unchanged {
            Arc::clone(&previous.positions)
        } else {
            Arc::new(snapshot.links.iter().enumerate().map(|(at, link)| (link.name.clone(), at)).collect())
        };
        let links = snapshot.links.iter().enumerate().map(|(at, link)| {
            let (totals, before) = (LinkTotals::from(link), previous.links.get(at));
            before.filter(|before| ***before == totals).map_or_else(|| Arc::new(totals), Arc::clone)
        });
        Self { monotonic_ns: snapshot.monotonic_ns, links: links.collect(), positions }
    }

    /// Returns the monotonic time of the reading (`CLOCK_MONOTONIC`).
    pub(crate) fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns
    }

    /// Returns the time from this second to `now_ns`. Returns `None` if it is too short for rates.
    pub(crate) fn window_until(&self, now_ns: u64) -> Option<Duration> {
        let window = Duration::from_nanos(now_ns.saturating_sub(self.monotonic_ns));
        (window >= MIN_WINDOW).then_some(window)
    }

    /// Returns the totals that `link` had. Returns `None` if it did not exist, or had other endpoints.
    pub(crate) fn link(&self, link: &LinkSnapshot) -> Option<&LinkTotals> {
        let totals: &LinkTotals = self.links.get(*self.positions.get(&link.name)?)?;
        totals.is_of(link).then_some(totals)
    }

    /// Returns what happened on each link since `earlier`, in the order of `snapshot`, of which this is. `None` for a link
    /// that did not exist then, or had other endpoints.
    pub(crate) fn since(&self, earlier: &Self, snapshot: &Snapshot) -> Vec<Option<LinkDelta>> {
        let of = |(now, link): (&Arc<LinkTotals>, _)| Some(LinkDelta::between(earlier.link(link)?, now));
        self.links.iter().zip(&snapshot.links).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::{
        fixtures,
        names::{EndpointId, IfIndex, Side},
    };

    use super::*;

    fn second(snapshot: &Snapshot) -> Second {
        Second::new(snapshot, &Second::default())
    }

    #[test]
    fn seconds_share_the_names_of_the_links_until_they_change() {
        let mut snapshot = fixtures::star(20);
        let first = second(&snapshot);
        let next = Second::new(&snapshot, &first);
        assert!(Arc::ptr_eq(&first.positions, &next.positions));
        snapshot.links.swap_remove(3);
        let changed = Second::new(&snapshot, &next);
        assert!(!Arc::ptr_eq(&next.positions, &changed.positions));
        for link in &snapshot.links {
            let totals = changed.link(link).unwrap();
            assert_eq!(totals.end(Side::A).unwrap().id, link.a.id);
        }
    }

    #[test]
    fn seconds_share_the_totals_of_links_that_nothing_passed() {
        let mut snapshot = fixtures::star(20);
        let first = second(&snapshot);
        snapshot.links[3].a.hooks.egress.segments += 1;
        let next = Second::new(&snapshot, &first);
        let is_shared = |at: usize| Arc::ptr_eq(&first.links[at], &next.links[at]);
        assert_eq!((0..20).filter(|at| !is_shared(*at)).collect::<Vec<_>>(), [3]);
        assert_eq!(next.link(&snapshot.links[3]).unwrap(), &LinkTotals::from(&snapshot.links[3]));
    }

    #[test]
    fn a_window_that_is_too_short_has_no_rates() {
        let snapshot = fixtures::direct();
        let (earlier, then) = (second(&snapshot), snapshot.monotonic_ns);
        assert_eq!(earlier.window_until(then + 199_999_999), None);
        assert_eq!(earlier.window_until(then + 200_000_000), Some(Duration::from_millis(200)));
    }

    #[test]
    fn a_link_with_other_endpoints_is_another_link() {
        let mut snapshot = fixtures::direct();
        let earlier = second(&snapshot);
        assert!(earlier.link(&snapshot.links[0]).is_some());
        snapshot.links[0].b.as_mut().unwrap().id = EndpointId(77);
        assert!(earlier.link(&snapshot.links[0]).is_none());
    }

    #[test]
    fn a_link_recreated_in_the_same_slots_is_another_link() {
        let snapshot = fixtures::direct();
        let earlier = second(&snapshot);
        let mut recreated = snapshot.clone();
        recreated.links[0].a.ifindex = IfIndex(77);
        assert!(earlier.link(&recreated.links[0]).is_none());
        let mut recreated = snapshot.clone();
        recreated.links[0].a.hooks.egress.protocols = Default::default();
        assert!(earlier.link(&recreated.links[0]).is_none(), "in a new namespace under the same ifindex");
        assert!(earlier.link(&snapshot.links[0]).is_some());
    }

    #[test]
    fn an_end_that_appears_leaves_the_totals_of_the_other() {
        let snapshot = fixtures::direct();
        let mut before = snapshot.clone();
        before.links[0].b = None;
        let earlier = second(&before);
        let totals = earlier.link(&snapshot.links[0]).unwrap();
        assert!(totals.end(Side::A).is_some() && totals.end(Side::B).is_none());
    }
}
