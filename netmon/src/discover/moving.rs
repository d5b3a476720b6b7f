//! Links with an end that is just being moved to another namespace: they stay, instead of being gone and found again.
//!
//! The kernel takes an interface out of one namespace before it puts it into the next, and waits for every processor between
//! the two. A listing in that moment finds the peer alone. Pure: the caller says what time it is.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use netmon_model::{
    names::LinkName,
    survey::{End, Link, LoneReason, Survey},
};

/// How long an end may be nowhere. A move took 18 ms on an idle machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// The links of which an end is nowhere.
#[derive(Debug, Default)]
pub(super) struct Moving {
    since: BTreeMap<LinkName, Instant>,
}

impl Moving {
    /// Keeps links of the `old` survey in the `new` one if an end of each is still there and waits for its peer.
    pub(super) fn keep(&mut self, old: &Survey, new: &mut Survey, now: Instant) {
        let mut since = BTreeMap::new();
        for link in old.links.iter().filter(|link| is_incomplete(link, new)) {
            let first = self.since.get(&link.name).copied().unwrap_or(now);
            if now < first + PATIENCE {
                since.insert(link.name.clone(), first);
            }
        }
        for link in old.links.iter().filter(|link| since.contains_key(&link.name)) {
            new.lone_ends.retain(|lone| !link.ends().any(|end| is_same(end, &lone.end)));
            new.links.push(link.clone());
        }
        new.links.sort_by(|one, other| one.name.cmp(&other.name));
        self.since = since;
    }

    /// Returns how long to wait before a link is given up. `None` if there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let first = self.since.values().min()?;
        Some((*first + PATIENCE).saturating_duration_since(now))
    }
}

/// Returns whether one end of a link is alone, and both its namespaces still exist. One that has ended takes its ends along.
fn is_incomplete(link: &Link, new: &Survey) -> bool {
    let is_alone = |end: &End| {
        let mut lone = new.lone_ends.iter();
        lone.any(|lone| lone.reason == LoneReason::PeerMissing && is_same(end, &lone.end))
    };
    let exists = |end: &End| new.namespaces.iter().any(|netns| netns.name == end.netns);
    link.ends().any(is_alone) && link.ends().all(exists)
}

fn is_same(one: &End, other: &End) -> bool {
    (&one.netns, one.ifindex) == (&other.netns, other.ifindex)
}

#[cfg(test)]
mod tests {
    use netmon_model::{fixtures, survey::LoneEnd};

    use super::*;

    /// The survey of the fixture, in which the second end of the link of `shop.web` is nowhere.
    fn amid_a_move() -> Survey {
        let mut survey = fixtures::survey();
        survey.lone_ends.clear();
        let link = survey.links.remove(0);
        let reason = LoneReason::PeerMissing;
        survey.lone_ends.push(LoneEnd { end: link.a, kind: "veth".to_owned(), reason });
        survey
    }

    fn before() -> Survey {
        let mut survey = fixtures::survey();
        survey.lone_ends.clear();
        survey.links.sort_by(|one, other| one.name.cmp(&other.name));
        for (index, link) in survey.links.iter_mut().enumerate() {
            link.a.ifindex.0 += u32::try_from(index).unwrap();
        }
        survey
    }

    fn kept(moving: &mut Moving, old: &Survey, mut new: Survey, now: Instant) -> Survey {
        for lone in &mut new.lone_ends {
            lone.end.ifindex.0 += 1;
        }
        moving.keep(old, &mut new, now);
        new
    }

    #[test]
    fn a_link_whose_end_is_being_moved_stays_as_it_was() {
        let (mut moving, now) = (Moving::default(), Instant::now());
        let kept = kept(&mut moving, &before(), amid_a_move(), now);
        let names: Vec<_> = kept.links.iter().map(|link| link.name.as_str()).collect();
        assert_eq!(names, ["blue:veth1", "shop.web:eth0"]);
        assert_eq!(kept.lone_ends, []);
        assert_eq!(moving.wait(now), Some(PATIENCE));
    }

    #[test]
    fn an_end_that_stays_nowhere_is_given_up_after_a_second() {
        let (mut moving, start) = (Moving::default(), Instant::now());
        kept(&mut moving, &before(), amid_a_move(), start);
        let later = kept(&mut moving, &before(), amid_a_move(), start + PATIENCE);
        assert_eq!((later.links.len(), later.lone_ends.len()), (1, 1));
        assert_eq!(moving.wait(start + PATIENCE), None);
    }

    #[test]
    fn the_link_of_a_namespace_that_has_ended_is_gone_at_once() {
        let (mut moving, now) = (Moving::default(), Instant::now());
        let mut new = amid_a_move();
        new.namespaces.retain(|netns| netns.name.as_str() != "shop.web");
        assert_eq!(kept(&mut moving, &before(), new, now).links.len(), 1);
    }
}
