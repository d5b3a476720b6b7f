//! Which new namespaces have a name that lasts: others are held back for a moment, so that no series begins under a name that
//! its container replaces a second later.
//!
//! A runtime makes the namespace, joins it, starts the process and lists the container, in this order. Pure: the caller says
//! what time it is.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use netmon_model::{
    names::{Cookie, NsName},
    survey::{NamedBy, Namespace, Survey},
};

/// How long a better name is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the evidence is read again meanwhile.
const PACE: Duration = Duration::from_millis(250);

/// The namespaces whose names have not settled.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// When each namespace was seen first. An identity without a cookie is a name.
    first_seen: BTreeMap<Result<Cookie, NsName>, Instant>,
    /// When the evidence has to be read again. `None` if every name has settled.
    again: Option<Instant>,
}

impl Settling {
    /// Accepts every name of a survey: that of the start.
    pub(super) fn accept(&mut self, survey: &Survey, now: Instant) {
        // As if they had been there for long.
        let before = now.checked_sub(PATIENCE).unwrap_or(now);
        self.first_seen = survey.namespaces.iter().map(|netns| (identity(netns), before)).collect();
    }

    /// Removes what has not settled: namespaces with a name that may be replaced, and their links.
    pub(super) fn hold_back(&mut self, survey: &mut Survey, now: Instant) {
        let seen: BTreeMap<_, Instant> = survey
            .namespaces
            .iter()
            .map(|netns| (identity(netns), self.first_seen.get(&identity(netns)).copied().unwrap_or(now)))
            .collect();
        self.first_seen = seen;
        let waits = |netns: &&Namespace| is_weak(netns) && now < self.first_seen[&identity(netns)] + PATIENCE;
        let held: Vec<NsName> =
            survey.namespaces.iter().filter(waits).map(|netns| netns.name.clone()).collect();
        // Not postponed by what else happens on the host.
        let again = self.again.filter(|again| *again > now).unwrap_or(now + PACE);
        self.again = (!held.is_empty()).then_some(again);
        survey.namespaces.retain(|netns| !held.contains(&netns.name));
        survey.links.retain(|link| !link.ends().any(|end| held.contains(&end.netns)));
        survey.lone_ends.retain(|lone| !held.contains(&lone.end.netns));
    }

    /// Returns how long to wait before the evidence is read again. `None` if every name has settled.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        Some(self.again?.saturating_duration_since(now))
    }
}

fn identity(netns: &Namespace) -> Result<Cookie, NsName> {
    netns.cookie.ok_or_else(|| netns.name.clone())
}

/// Returns whether a better name may follow.
fn is_weak(netns: &Namespace) -> bool {
    matches!(netns.named_by, NamedBy::Cookie | NamedBy::Process | NamedBy::ContainerId)
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    /// The survey of the fixture, in which `blue` has a name of this origin.
    fn survey(named_by: NamedBy) -> Survey {
        let mut survey = fixtures::survey();
        survey.namespaces[1].named_by = named_by;
        survey
    }

    fn names(survey: &Survey) -> Vec<&str> {
        survey.namespaces.iter().map(|netns| netns.name.as_str()).collect()
    }

    fn held_back(settling: &mut Settling, mut survey: Survey, now: Instant) -> Survey {
        settling.hold_back(&mut survey, now);
        survey
    }

    #[test]
    fn a_weak_name_is_held_back_with_its_links_until_a_better_one_is_known() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        let first = held_back(&mut settling, survey(NamedBy::Process), start);
        assert_eq!(names(&first), ["root", "shop.web"]);
        assert_eq!((first.links.len(), first.lone_ends.len()), (1, 0));
        assert_eq!(settling.wait(start), Some(PACE));
        let later = held_back(&mut settling, survey(NamedBy::Container), start + PACE);
        assert_eq!(later, survey(NamedBy::Container));
        assert_eq!(settling.wait(start), None);
    }

    #[test]
    fn a_weak_name_is_published_after_two_seconds() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        held_back(&mut settling, survey(NamedBy::Cookie), start);
        let just_before = start + PATIENCE - Duration::from_millis(1);
        assert_eq!(
            names(&held_back(&mut settling, survey(NamedBy::Cookie), just_before)),
            ["root", "shop.web"]
        );
        let after = held_back(&mut settling, survey(NamedBy::Cookie), start + PATIENCE);
        assert_eq!(after, survey(NamedBy::Cookie));
    }

    #[test]
    fn what_was_there_at_the_start_is_published_at_once() {
        let (mut settling, start) = (Settling::default(), Instant::now());
        settling.accept(&survey(NamedBy::ContainerId), start);
        assert_eq!(
            held_back(&mut settling, survey(NamedBy::ContainerId), start),
            survey(NamedBy::ContainerId)
        );
    }
}
