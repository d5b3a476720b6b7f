//! Follows the containers that a lab's links lead into: whether the ends are up, and that a container has ended.
//!
//! From the observer, so nothing is held inside of a container.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use log::{error, warn};
use netmon_model::{error::chain, names::InterfaceId, survey::Survey};

use super::AgentError;
use crate::{
    discover::{Discovery, Selection},
    watch::Watch,
};

/// How often the end of the agent is looked at.
const TICK: Duration = Duration::from_millis(500);

/// The thread that follows them.
pub(super) struct Lent {
    thread: JoinHandle<()>,
    end: Arc<AtomicBool>,
}

impl Lent {
    /// Follows the ends of `watch` that lead into containers, from now on.
    pub(super) fn start(watch: Arc<Watch>) -> Result<Self, AgentError> {
        let discovery = Discovery::open(Selection { limit: u32::MAX, ..Selection::default() })?;
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let run = move || follow(discovery, &watch, &ended);
        let started = thread::Builder::new().name("containers".to_owned()).spawn(run);
        Ok(Self { thread: started.map_err(AgentError::Follow)?, end })
    }

    /// Stops following.
    pub(super) fn stop(self) -> Result<(), AgentError> {
        self.end.store(true, Relaxed);
        self.thread.join().map_err(|_| AgentError::Follow(io::Error::other("the thread panicked")))
    }
}

fn follow(mut discovery: Discovery, watch: &Watch, end: &AtomicBool) {
    let mut ends = HashMap::new();
    while !end.load(Relaxed) {
        take(&mut ends, discovery.survey());
        for link in watch.update_lent(&ends) {
            warn!(
                "link {link}: the container has ended; `netmon reload` builds the link again once the container runs"
            );
        }
        if let Err(error) = discovery.next(TICK) {
            error!("containers are no longer followed: {}", chain(&error));
            return;
        }
    }
}

/// Takes the state of all ends that a survey has. Those of an earlier one do not exist any more.
fn take(ends: &mut HashMap<InterfaceId, Option<bool>>, survey: &Survey) {
    let there: HashMap<InterfaceId, Option<bool>> = survey
        .links
        .iter()
        .flat_map(|link| [&link.a, &link.b])
        .filter_map(|end| Some((end.id()?, Some(end.is_up))))
        .collect();
    let gone: BTreeSet<InterfaceId> = ends.keys().filter(|at| !there.contains_key(at)).copied().collect();
    ends.extend(gone.into_iter().map(|at| (at, None)));
    ends.extend(there);
}

#[cfg(test)]
mod tests {
    use netmon_model::{
        fixtures,
        names::{Cookie, IfIndex},
    };

    use super::*;

    #[test]
    fn an_end_that_a_later_survey_lacks_does_not_exist_any_more() {
        let mut survey = fixtures::survey();
        survey.links.truncate(1);
        (survey.links[0].a.cookie, survey.links[0].a.ifindex) = (Some(Cookie(1)), IfIndex(2));
        (survey.links[0].b.cookie, survey.links[0].b.is_up) = (None, true);
        let at = survey.links[0].a.id().unwrap();
        let mut ends = HashMap::new();
        for is_up in [true, false] {
            survey.links[0].a.is_up = is_up;
            take(&mut ends, &survey);
            assert_eq!(ends, HashMap::from([(at, Some(is_up))]));
        }
        take(&mut ends, &Survey::default());
        assert_eq!(ends, HashMap::from([(at, None)]));
        survey.links[0].a.is_up = true;
        take(&mut ends, &survey);
        assert_eq!(ends, HashMap::from([(at, Some(true))]), "it was only late");
    }
}
