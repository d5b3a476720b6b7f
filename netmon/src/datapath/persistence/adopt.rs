//! Going on with endpoints that an agent before us watched: those that are still what they were, with their programs on
//! their hooks. What is left of others is taken away.

use std::collections::HashMap;

use netmon_ebpf::{
    drops::DropPlace,
    record::{END_COMPLETE, END_MADE_QDISC, END_PAUSED, END_PEER_STAMPS, END_STAMPS, EndRecord},
};
use netmon_kernel::pins::unpin_link;
use netmon_model::{
    error::chain,
    names::{Direction, EndpointId},
};

use super::Persistence;
use crate::{
    datapath::{
        Datapath, DatapathError,
        attach::Attached,
        by_namespace,
        watched::{self, WatchedEndpoint, WatchedLink},
    },
    topology::Endpoint,
};

type Recorded = (EndpointId, EndRecord);

impl Persistence {
    /// The slots that are taken by endpoints that nobody asked for yet.
    pub(in crate::datapath) fn slots(&self) -> impl Iterator<Item = EndpointId> {
        self.found.keys().copied()
    }

    /// What was recorded of both ends of a link, if the record of both was completed.
    fn claim(&mut self, a: &Endpoint, b: &Endpoint) -> Option<[Recorded; 2]> {
        let of = |end: &Endpoint| {
            let is = |record: &EndRecord| {
                record.flags & END_COMPLETE != 0
                    && (record.cookie, record.ifindex) == (end.cookie.0, end.ifindex.0)
            };
            self.found.iter().find(|(_, record)| is(record)).map(|(id, record)| (*id, *record))
        };
        let (a, b) = (of(a)?, of(b)?);
        let know_each_other = (a.1.peer, b.1.peer) == (b.0.0, a.0.0);
        know_each_other.then(|| {
            for (id, _) in [a, b] {
                self.found.remove(&id);
            }
            [a, b]
        })
    }
}

impl Datapath {
    /// Goes on with those of `endpoints` that were watched before, and lets go of what was watched beside them.
    pub(in crate::datapath) fn adopt(&mut self, endpoints: &[Endpoint]) -> Result<(), DatapathError> {
        let pairs = self.new_pairs(endpoints)?;
        let Some(persistence) = self.persistence.as_mut().filter(|one| !one.found.is_empty()) else {
            return Ok(());
        };
        let (mut links, mut records) = (Vec::new(), HashMap::new());
        for (a, b) in pairs {
            if let Some([of_a, of_b]) = persistence.claim(&a, &b) {
                links.push(restored((a, &of_a), (b, &of_b), persistence));
                records.extend([of_a, of_b]);
            }
        }
        self.recover_all(&mut links, &records)?;
        let is_paused = |link: &WatchedLink| {
            link.ends().all(|end| records.get(&end.id).is_some_and(|record| record.flags & END_PAUSED != 0))
        };
        let (good, bad): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|link| is_paused(link) || link.ends().all(WatchedEndpoint::is_whole));
        for link in &bad {
            log::warn!(
                "link {}: its programs are not on its hooks any more, it is counted from zero",
                link.name
            );
        }
        let stale = bad.iter().flat_map(WatchedLink::ends).map(|end| end.id);
        let mut stale: Vec<Recorded> = stale.filter_map(|id| Some((id, *records.get(&id)?))).collect();
        drop(bad);
        stale.extend(self.persistence.as_mut().map(|one| std::mem::take(&mut one.found)).unwrap_or_default());
        let paused: Vec<_> =
            good.iter().filter(|link| is_paused(link)).map(|link| link.name.clone()).collect();
        log::info!("going on with the counts of {} links", good.len());
        self.links.extend(good);
        for (id, record) in stale {
            self.discard(id, &record)?;
        }
        paused.iter().try_for_each(|link| self.hooks_on(link))
    }

    /// Looks which programs of these ends are where they were.
    fn recover_all(
        &self,
        links: &mut [WatchedLink],
        records: &HashMap<EndpointId, EndRecord>,
    ) -> Result<(), DatapathError> {
        let mode = self.features.mode;
        let keeps_programs = self.run_time.is_some();
        for ends in by_namespace(links).into_values() {
            watched::visit(ends, |ends| {
                for end in ends {
                    let Some(record) = records.get(&end.id) else { continue };
                    let made_qdisc = record.flags & END_MADE_QDISC != 0;
                    let hooks = end.hook_pins.clone();
                    let Endpoint { ifindex, interface, .. } = &end.endpoint;
                    let recovered =
                        Attached::recover(mode, *ifindex, interface, record.programs, made_qdisc, hooks);
                    match recovered {
                        Ok(attached) => {
                            if keeps_programs {
                                end.programs = attached.open_programs().ok();
                            }
                            end.attached = Some(attached);
                        }
                        Err(error) => log::warn!("{}: {}", end.shown(), chain(&error)),
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Takes away what is left of an endpoint that nobody watches any more.
    fn discard(&mut self, id: EndpointId, record: &EndRecord) -> Result<(), DatapathError> {
        if let Some(persistence) = &mut self.persistence {
            for direction in Direction::BOTH {
                unpin_link(&persistence.folder.hook(id, direction))?;
            }
        }
        let place = DropPlace { cookie: record.cookie, ifindex: record.ifindex, padding: 0 };
        self.release(id, place).into_iter().next().map_or(Ok(()), Err)
    }
}

/// A link as it was recorded, with nothing known of its hooks yet.
fn restored(
    (a, (a_id, of_a)): (Endpoint, &Recorded),
    (b, (b_id, of_b)): (Endpoint, &Recorded),
    persistence: &Persistence,
) -> WatchedLink {
    let end = |endpoint, id: EndpointId, record: &EndRecord| {
        let mut end = WatchedEndpoint::new(id, endpoint, Some(persistence.hooks(id)));
        end.pauses = record.pauses;
        end.peer = Some(EndpointId(record.peer));
        end.stamps = record.flags & END_STAMPS != 0;
        end.peer_stamps = record.flags & END_PEER_STAMPS != 0;
        end.unanswered.restore(&record.unanswered);
        end
    };
    let mut link = WatchedLink::new(end(a, *a_id, of_a), end(b, *b_id, of_b));
    link.a_to_b.restore(&of_a.lost);
    link.b_to_a.restore(&of_b.lost);
    link
}
