//! Namespaces that have lost what they were named after, because the last process or the name is gone: they keep their name for a
//! moment, in which most of them end.
//!
//! A runtime ends the process, and then takes the network down. Without this, the last counts of every container would be
//! those of a namespace with a number for a name, and each stop would begin a new series. Pure: the caller says what
//! time it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::observer::Nsid;

use super::{
    census::Keeper,
    naming::{Catalog, Evidence, cgroup::Owner},
};

/// How long a name outlasts its evidence. `docker stop` takes the network down some 50 ms after the process has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// The namespaces that have lost their evidence.
#[derive(Debug, Default)]
pub(super) struct Fading {
    since: BTreeMap<Nsid, Instant>,
}

impl Fading {
    /// Gives namespaces that have just lost their evidence that of the `old` census.
    pub(super) fn keep_evidence(
        &mut self,
        old: BTreeMap<Nsid, Keeper>,
        new: &mut BTreeMap<Nsid, Keeper>,
        now: Instant,
    ) {
        let before = std::mem::take(&mut self.since);
        let alive: BTreeSet<Owner> = new.values().flat_map(|keeper| keeper.evidence.owners.clone()).collect();
        for (nsid, was) in old {
            let is = new.remove(&nsid).unwrap_or_default();
            let first = before.get(&nsid).copied().unwrap_or(now);
            // A container that was started again has its name for its new network.
            let is_elsewhere = was.evidence.owners.iter().any(|owner| alive.contains(owner));
            let fades = has_evidence(&was.evidence)
                && !has_evidence(&is.evidence)
                && is_same(&was, &is)
                && !is_elsewhere;
            if fades && now < first + PATIENCE {
                self.since.insert(nsid, first);
                new.insert(nsid, Keeper { evidence: was.evidence, ..is });
            } else if is != Keeper::default() {
                new.insert(nsid, is);
            }
        }
    }

    /// Keeps what was known of the containers of fading namespaces: their runtime may list them no more.
    pub(super) fn keep_facts(&self, keepers: &BTreeMap<Nsid, Keeper>, old: &Catalog, new: &mut Catalog) {
        let fading = self.since.keys().filter_map(|nsid| keepers.get(nsid));
        for owner in fading.flat_map(|keeper| &keeper.evidence.owners) {
            let Owner::Container { id, .. } = owner else { continue };
            if let Some(facts) = old.containers.get(id) {
                new.containers.entry(id.clone()).or_default().complete(facts.clone());
            }
        }
    }

    /// Removes a namespace that has ended.
    pub(super) fn forget(&mut self, nsid: Nsid) {
        self.since.remove(&nsid);
    }

    /// Returns how long to wait before the census has to be taken again. `None` if nothing fades.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let first = self.since.values().min()?;
        Some((*first + PATIENCE).saturating_duration_since(now))
    }
}

/// Returns whether something is known that a name can be made of.
fn has_evidence(evidence: &Evidence) -> bool {
    evidence.is_root
        || evidence.process.is_some()
        || !evidence.owners.is_empty()
        || !evidence.names.is_empty()
}

/// Returns whether a number stands for the same namespace as before: the kernel gives numbers again.
fn is_same(was: &Keeper, is: &Keeper) -> bool {
    is.evidence.cookie.is_none() || is.evidence.cookie == was.evidence.cookie
}

#[cfg(test)]
mod tests {
    use netmon_model::{names::Cookie, survey::Runtime};

    use super::{super::naming::Facts, *};

    const AT: Nsid = Nsid(3);

    fn id() -> String {
        std::iter::repeat_n('a', 64).collect()
    }

    /// A container that runs.
    fn running() -> Keeper {
        let owners = vec![Owner::Container { runtime: Runtime::Docker, id: id() }];
        let process = Some((7, "nginx".to_owned()));
        let evidence = Evidence { cookie: Some(Cookie(5)), owners, process, ..Evidence::default() };
        Keeper { evidence, processes: 1, files: vec!["/run/docker/netns/1".to_owned()], owner_uid: None }
    }

    /// The same once its process has ended.
    fn ended() -> Keeper {
        let evidence = Evidence { cookie: Some(Cookie(5)), ..Evidence::default() };
        Keeper { evidence, processes: 0, ..running() }
    }

    fn kept(fading: &mut Fading, was: Keeper, is: Option<Keeper>, now: Instant) -> Option<Keeper> {
        let mut new: BTreeMap<Nsid, Keeper> = is.into_iter().map(|is| (AT, is)).collect();
        fading.keep_evidence([(AT, was)].into(), &mut new, now);
        new.remove(&AT)
    }

    #[test]
    fn a_container_whose_process_has_ended_keeps_its_name_for_two_seconds() {
        let (mut fading, start) = (Fading::default(), Instant::now());
        let faded = kept(&mut fading, running(), Some(ended()), start).unwrap();
        assert_eq!((faded.evidence.clone(), faded.processes), (running().evidence, 0));
        assert_eq!(fading.wait(start), Some(PATIENCE));
        let again = kept(&mut fading, faded.clone(), Some(ended()), start + PATIENCE / 2).unwrap();
        assert_eq!(again, faded);
        assert_eq!(kept(&mut fading, again, Some(ended()), start + PATIENCE), Some(ended()));
        assert_eq!(fading.wait(start + PATIENCE), None);
    }

    #[test]
    fn a_namespace_that_nothing_keeps_any_more_keeps_its_name_too() {
        let (mut fading, now) = (Fading::default(), Instant::now());
        assert_eq!(kept(&mut fading, running(), None, now).unwrap().evidence, running().evidence);
        assert_eq!(kept(&mut fading, ended(), None, now), None, "it had no name to keep");
    }

    #[test]
    fn other_evidence_and_another_namespace_with_the_number_are_taken_at_once() {
        let (mut fading, now) = (Fading::default(), Instant::now());
        let named =
            Keeper { evidence: Evidence { names: vec!["blue".to_owned()], ..ended().evidence }, ..ended() };
        assert_eq!(kept(&mut fading, running(), Some(named.clone()), now), Some(named));
        let mut other = ended();
        other.evidence.cookie = Some(Cookie(6));
        assert_eq!(kept(&mut fading, running(), Some(other.clone()), now), Some(other));
        assert_eq!(fading.wait(now), None);
    }

    #[test]
    fn a_container_that_runs_again_has_its_name_for_its_new_network() {
        let (mut fading, now) = (Fading::default(), Instant::now());
        let again =
            Keeper { evidence: Evidence { cookie: Some(Cookie(9)), ..running().evidence }, ..running() };
        let mut new = BTreeMap::from([(AT, ended()), (Nsid(4), again)]);
        fading.keep_evidence([(AT, running())].into(), &mut new, now);
        assert_eq!(new[&AT], ended());
    }

    #[test]
    fn a_container_that_its_runtime_lists_no_more_keeps_what_was_known_of_it() {
        let (mut fading, now) = (Fading::default(), Instant::now());
        let mut keepers = BTreeMap::from([(AT, ended())]);
        fading.keep_evidence([(AT, running())].into(), &mut keepers, now);
        let facts = Facts { name: Some("web".to_owned()), ..Facts::default() };
        let old = Catalog { containers: [(id(), facts.clone())].into(), ..Catalog::default() };
        let mut new = Catalog::default();
        fading.keep_facts(&keepers, &old, &mut new);
        assert_eq!(new.containers, [(id(), facts)].into());
        fading.forget(AT);
        let mut forgotten = Catalog::default();
        fading.keep_facts(&keepers, &old, &mut forgotten);
        assert_eq!(forgotten, Catalog::default());
    }
}
