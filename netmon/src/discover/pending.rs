//! Which namespaces have to be listed again, and when: once nothing has happened in any for a moment.
//!
//! A container that sends as soon as its interface is up loses its first ARP exchange, and waits a second for the next, if
//! netmon lists interfaces at that moment: both need the kernel's lock of all interfaces. Waiting for 40 ms of quiet held back
//! none of 24 starts; asking at once held back half of them. Pure: the caller says what time it is.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use netmon_kernel::netlink::observer::{LinkChange, NamespaceEvent, Nsid};

use super::{
    join::At,
    walk::{Table, leads_to},
};

/// How long nothing has to have happened.
const QUIET: Duration = Duration::from_millis(40);
/// How long a host that is never quiet is waited for.
const LONGEST: Duration = Duration::from_millis(500);

/// What is to be read again.
#[derive(Debug, Default)]
pub(super) struct Pending {
    dirty: BTreeSet<Nsid>,
    /// When the first and the last event came. `None` if nothing is to be read.
    between: Option<(Instant, Instant)>,
    /// Whether events were lost.
    were_lost: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// List these namespaces.
    List(BTreeSet<Nsid>),
    /// Read everything.
    Everything,
}

impl Pending {
    /// Notes an event. `table` is as it was before. A namespace that has ended is the caller's to remove.
    pub(super) fn note(&mut self, event: NamespaceEvent, table: &Table, now: Instant) {
        match event {
            NamespaceEvent::Link { netns, ifindex, change } => {
                self.dirty.insert(netns);
                // The kernel says nothing in the namespace of a peer when an interface moves.
                if change != LinkChange::Changed {
                    self.dirty.extend(peer(table, At { nsid: netns, ifindex }));
                }
            }
            // A listing numbers what it meets: nothing is new then.
            NamespaceEvent::Numbered(nsid) if table.contains_key(&nsid) => return,
            NamespaceEvent::Numbered(nsid) => drop(self.dirty.insert(nsid)),
            NamespaceEvent::Ended(nsid) => {
                self.dirty.remove(&nsid);
                self.dirty.extend(neighbours(table, nsid));
            }
            NamespaceEvent::Lost => self.were_lost = true,
        }
        let first = self.between.map_or(now, |(first, _)| first);
        self.between = Some((first, now));
    }

    /// Returns how long to wait before [`Self::take`] has work. `None` if there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let (first, last) = self.between?;
        let due = (last + QUIET).min(first + LONGEST);
        Some(due.saturating_duration_since(now))
    }

    /// Returns the work that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Work> {
        if !self.wait(now)?.is_zero() {
            return None;
        }
        let Self { dirty, were_lost, .. } = std::mem::take(self);
        Some(if were_lost { Work::Everything } else { Work::List(dirty) })
    }
}

/// Returns the namespace of an interface's peer.
fn peer(table: &Table, at: At) -> Option<Nsid> {
    let interfaces = table.get(&at.nsid)?.interfaces();
    interfaces.iter().find(|interface| interface.ifindex == at.ifindex)?.link_nsid
}

/// Returns the namespaces that a namespace leads to.
fn neighbours(table: &Table, nsid: Nsid) -> impl Iterator<Item = Nsid> {
    table.get(&nsid).into_iter().flat_map(leads_to)
}

#[cfg(test)]
mod tests {
    use netmon_kernel::netlink::observer::ObservedInterface;
    use netmon_model::names::IfIndex;

    use super::{super::walk::Listing, *};

    /// Namespace 1 with interface 2, whose peer is in namespace 0.
    fn table() -> Table {
        let interface = ObservedInterface {
            ifindex: IfIndex(2),
            link_nsid: Some(Nsid(0)),
            ..ObservedInterface::default()
        };
        Table::from([(Nsid(1), Listing::Interfaces(vec![interface]))])
    }

    fn link(change: LinkChange) -> NamespaceEvent {
        NamespaceEvent::Link { netns: Nsid(1), ifindex: IfIndex(2), change }
    }

    fn work_after(events: &[NamespaceEvent]) -> Option<Work> {
        let (mut pending, now) = (Pending::default(), Instant::now());
        events.iter().for_each(|event| pending.note(*event, &table(), now));
        pending.take(now + QUIET)
    }

    fn list(nsids: &[i32]) -> Work {
        Work::List(nsids.iter().copied().map(Nsid).collect())
    }

    #[test]
    fn nothing_is_listed_before_forty_milliseconds_of_quiet() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(pending.wait(start), None);
        pending.note(link(LinkChange::Changed), &table(), at(0));
        pending.note(link(LinkChange::Changed), &table(), at(30));
        assert_eq!(pending.take(at(69)), None);
        assert_eq!(pending.wait(at(60)), Some(Duration::from_millis(10)));
        assert_eq!(pending.take(at(70)), Some(list(&[1])));
        assert_eq!(pending.wait(at(70)), None, "the work is done once");
    }

    #[test]
    fn a_host_that_is_never_quiet_is_listed_all_the_same() {
        let (mut pending, start) = (Pending::default(), Instant::now());
        for tick in 0..=25 {
            pending.note(link(LinkChange::Changed), &table(), start + tick * Duration::from_millis(20));
        }
        assert_eq!(pending.take(start + LONGEST), Some(list(&[1])));
    }

    #[test]
    fn a_move_or_an_end_concerns_the_peer_too() {
        assert_eq!(work_after(&[link(LinkChange::Moved)]), Some(list(&[0, 1])));
        assert_eq!(work_after(&[link(LinkChange::Deleted)]), Some(list(&[0, 1])));
        assert_eq!(
            work_after(&[link(LinkChange::Changed), NamespaceEvent::Ended(Nsid(1))]),
            Some(list(&[0]))
        );
    }

    #[test]
    fn a_number_that_a_listing_drew_is_no_news() {
        assert_eq!(work_after(&[NamespaceEvent::Numbered(Nsid(1))]), None);
        assert_eq!(work_after(&[NamespaceEvent::Numbered(Nsid(7))]), Some(list(&[7])));
    }

    #[test]
    fn lost_events_are_made_good_by_reading_everything() {
        assert_eq!(work_after(&[link(LinkChange::Changed), NamespaceEvent::Lost]), Some(Work::Everything));
    }
}
