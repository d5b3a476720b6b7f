//! Adopts endpoints that an earlier agent counted, if they are unchanged and their programs are still attached. Removes
//! the others, with their pins and counters.

use std::collections::HashMap;

use netmon_ebpf::record::{END_COMPLETE, END_MADE_QDISC, END_PAUSED, END_PEER_STAMPS, END_STAMPS, EndRecord};
use netmon_kernel::pins::unpin_link;
use netmon_model::{
    by::Hooks,
    error::chain,
    names::{Cookie, Direction, EndpointId, IfIndex, InterfaceId},
};

use super::Persistence;
use crate::datapath::{
    AttachReport, Datapath, DatapathError, Target,
    attach::Attached,
    endpoint::{self, Endpoint, Endpoints, by_namespace, drop_place},
};

type Records = HashMap<EndpointId, EndRecord>;

/// Returns the interface of a record.
fn interface_of(record: &EndRecord) -> InterfaceId {
    InterfaceId { netns: Cookie(record.cookie), ifindex: IfIndex(record.ifindex) }
}

impl Persistence {
    /// Returns the slots of recorded endpoints that no target has claimed yet.
    pub(in crate::datapath) fn slots(&self) -> impl Iterator<Item = EndpointId> {
        self.found.keys().copied()
    }

    /// Returns the slots of both ends of a link, if the record of both is complete and each names the other as its peer.
    pub(in crate::datapath) fn recorded_pair(
        &self,
        a: InterfaceId,
        b: InterfaceId,
    ) -> Option<[EndpointId; 2]> {
        let find = |at: InterfaceId| {
            let is = |record: &EndRecord| record.flags & END_COMPLETE != 0 && interface_of(record) == at;
            self.found.iter().find(|(_, record)| is(record))
        };
        let ((a, of_a), (b, of_b)) = (find(a)?, find(b)?);
        ((of_a.peer, of_b.peer) == (b.0, a.0)).then_some([*a, *b])
    }

    /// Takes the record of a target, if it was counted in the same slot before.
    fn claim(&mut self, target: &Target) -> Option<EndRecord> {
        let is_its = self.found.get(&target.id).is_some_and(|record| interface_of(record) == target.at);
        is_its.then(|| self.found.remove(&target.id)).flatten()
    }
}

impl Datapath {
    /// Adopts those of `targets` that an earlier agent counted, and removes the other endpoints that it counted. Returns
    /// the targets that still have to be attached to.
    pub(in crate::datapath) fn adopt(
        &mut self,
        targets: Vec<Target>,
        report: &mut AttachReport,
    ) -> Result<Vec<Target>, DatapathError> {
        let Some(persistence) = self.persistence.as_mut().filter(|one| !one.found.is_empty()) else {
            return Ok(targets);
        };
        let (mut known, mut records, mut new) = (Endpoints::new(), Records::new(), Vec::new());
        for target in targets {
            match persistence.claim(&target) {
                Some(record) => {
                    known.insert(target.id, restored(target.clone(), &record, persistence.hooks(target.id)));
                    records.insert(target.id, record);
                }
                None => new.push(target),
            }
        }
        let stale = std::mem::take(&mut persistence.found);
        self.recover_all(&mut known, &records)?;
        let is_paused =
            |id: &EndpointId| records.get(id).is_some_and(|record| record.flags & END_PAUSED != 0);
        let counts = |endpoint: &Endpoint| {
            let ends = std::iter::once(endpoint).chain(endpoint.peer.and_then(|peer| known.get(&peer)));
            ends.clone().all(|end| is_paused(&end.id)) || ends.clone().all(Endpoint::is_whole)
        };
        let good: Vec<EndpointId> = known.values().filter(|one| counts(one)).map(|one| one.id).collect();
        let paused: Vec<EndpointId> = good.iter().copied().filter(|id| is_paused(id)).collect();
        for id in good {
            self.endpoints.extend(known.remove_entry(&id));
            report.adopted += 1;
        }
        for (id, endpoint) in known {
            let Endpoint { id: _, at, netns, peer, .. } = endpoint;
            report.restarted.push(id);
            if let Some(record) = records.get(&id) {
                self.discard(id, record)?;
            }
            new.push(Target { id, at, netns, peer });
        }
        for (id, record) in stale {
            self.discard(id, &record)?;
            report.freed.push(id);
        }
        if !paused.is_empty() {
            self.hooks_on(&paused)?;
        }
        Ok(new)
    }

    /// Determines which programs of these endpoints are still attached.
    fn recover_all(&self, endpoints: &mut Endpoints, records: &Records) -> Result<(), DatapathError> {
        let mode = self.features.mode;
        let keeps_programs = self.run_time.is_some();
        for group in by_namespace(endpoints.values_mut()).into_values() {
            endpoint::visit(group, |group| {
                for endpoint in group {
                    let Some(record) = records.get(&endpoint.id) else { continue };
                    let made_qdisc = record.flags & END_MADE_QDISC != 0;
                    let [ingress, egress] = record.programs;
                    let recovered = Attached::recover(
                        mode,
                        endpoint.at.ifindex,
                        Hooks { ingress, egress },
                        made_qdisc,
                        endpoint.hook_pins.clone(),
                    );
                    match recovered {
                        Ok(attached) => {
                            if keeps_programs {
                                endpoint.programs = attached.open_programs().ok();
                            }
                            endpoint.attached = Some(attached);
                        }
                        Err(error) => log::warn!("endpoint {}: {}", endpoint.id, chain(&error)),
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Removes what is left of an endpoint that an earlier agent counted.
    fn discard(&mut self, id: EndpointId, record: &EndRecord) -> Result<(), DatapathError> {
        if let Some(persistence) = &mut self.persistence {
            for direction in Direction::BOTH {
                unpin_link(&persistence.folder.hook(id, direction))?;
            }
        }
        self.release(id, drop_place(interface_of(record))).into_iter().next().map_or(Ok(()), Err)
    }
}

/// Returns an endpoint as it was recorded, without its attachments.
fn restored(target: Target, record: &EndRecord, pins: Hooks<std::path::PathBuf>) -> Endpoint {
    let mut endpoint = Endpoint::new(target, Some(pins));
    endpoint.pauses = record.pauses;
    endpoint.stamps = record.flags & END_STAMPS != 0;
    endpoint.peer_stamps = record.flags & END_PEER_STAMPS != 0;
    endpoint.lost.restore(&record.lost);
    endpoint.echoes_unanswered.restore(&record.echoes_unanswered);
    endpoint.dns_unanswered.restore(&record.dns_unanswered);
    endpoint
}
