//! The records of endpoints: written before anything is done with one, and read by the next agent.

use std::{collections::BTreeMap, path::PathBuf};

use aya::maps::MapError;
use netmon_ebpf::{
    epoch::{LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
    record::{
        AUDIT_BYTES, AuditRecord, END_COMPLETE, END_MADE_QDISC, END_PAUSED, END_PEER_STAMPS, END_STAMPS,
        EndRecord,
    },
};
use netmon_model::names::{Direction, EndpointId};

use super::{AUDITS, ENDS, Persistence};
use crate::datapath::{
    DatapathError,
    attach::Attached,
    closed_epochs::ClosedEpochs,
    error::gone,
    watched::{WatchedEndpoint, WatchedLink},
};

impl Persistence {
    /// Where the links of an endpoint's hooks are pinned, ingress first.
    pub(in crate::datapath) fn hooks(&self, id: EndpointId) -> [PathBuf; 2] {
        Direction::BOTH.map(|direction| self.folder.hook(id, direction))
    }

    /// Writes down an end that is about to be attached to.
    pub(in crate::datapath) fn record_end(&mut self, end: &WatchedEndpoint) -> Result<(), DatapathError> {
        self.record(end.id, of(end, &ClosedEpochs::new(LOSS_EPOCH_SHIFT), Stage::Unfinished))
    }

    /// Writes down both ends of a link.
    pub(in crate::datapath) fn record_link(
        &mut self,
        link: &WatchedLink,
        stage: Stage,
    ) -> Result<(), DatapathError> {
        self.record(link.a.id, of(&link.a, &link.a_to_b, stage))?;
        self.record(link.b.id, of(&link.b, &link.b_to_a, stage))
    }

    /// Writes down what became known of a link since the last time, before anybody is told.
    pub(in crate::datapath) fn keep(&mut self, link: &mut WatchedLink) -> Result<(), DatapathError> {
        let stage = if link.ends().all(WatchedEndpoint::is_whole) { Stage::Complete } else { Stage::Paused };
        if link.a_to_b.take_changed() | link.a.unanswered.take_changed() {
            self.record(link.a.id, of(&link.a, &link.a_to_b, stage))?;
        }
        if link.b_to_a.take_changed() | link.b.unanswered.take_changed() {
            self.record(link.b.id, of(&link.b, &link.b_to_a, stage))?;
        }
        Ok(())
    }

    /// Everything that is recorded.
    pub(super) fn recorded(&self) -> Result<BTreeMap<EndpointId, EndRecord>, DatapathError> {
        let all = self.ends.iter().map(|entry| entry.map(|(slot, end)| (EndpointId(slot), end)));
        all.collect::<Result<_, MapError>>().map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Writes down an endpoint as it is now.
    pub(in crate::datapath) fn record(
        &mut self,
        id: EndpointId,
        end: EndRecord,
    ) -> Result<(), DatapathError> {
        self.ends.insert(id.0, end, 0).map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Forgets an endpoint of which nothing is left.
    pub(in crate::datapath) fn forget(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        gone(self.audits.remove(&id.0)).map_err(|source| DatapathError::Map { name: AUDITS, source })?;
        gone(self.ends.remove(&id.0)).map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Writes down an endpoint's accounts. Text that is too long is not: the accounts are opened anew then.
    pub(in crate::datapath) fn keep_accounts(
        &mut self,
        id: EndpointId,
        text: &[u8],
    ) -> Result<(), DatapathError> {
        let mut record = AuditRecord { length: 0, text: [0; AUDIT_BYTES] };
        if let Some(room) = record.text.get_mut(..text.len()) {
            room.copy_from_slice(text);
            record.length = text.len() as u32;
        }
        self.audits.insert(id.0, record, 0).map_err(|source| DatapathError::Map { name: AUDITS, source })
    }

    /// An endpoint's accounts, if there are any.
    pub(in crate::datapath) fn kept_accounts(&self, id: EndpointId) -> Option<Vec<u8>> {
        let record = self.audits.get(&id.0, 0).ok()?;
        record.text.get(..record.length as usize).map(<[u8]>::to_vec)
    }
}

/// How far an end is. It is written down before the first hook gets a program and before the first loses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::datapath) enum Stage {
    /// Being attached to, or let go.
    Unfinished,
    /// Counted at both hooks.
    Complete,
    /// Counted, but for a while without programs on some of its hooks.
    Paused,
}

/// What is to be known of an end.
pub(in crate::datapath) fn of(
    end: &WatchedEndpoint,
    lost: &ClosedEpochs<LOSS_EPOCHS>,
    stage: Stage,
) -> EndRecord {
    let attached = end.attached.as_ref();
    let flag = |flag: u32, is_set: bool| if is_set { flag } else { 0 };
    EndRecord {
        cookie: end.endpoint.cookie.0,
        ifindex: end.endpoint.ifindex.0,
        peer: end.peer.unwrap_or(end.id).0,
        programs: attached.map_or([0; 2], Attached::programs),
        flags: flag(END_COMPLETE, stage != Stage::Unfinished)
            | flag(END_STAMPS, end.stamps)
            | flag(END_PEER_STAMPS, end.peer_stamps)
            | flag(END_PAUSED, stage == Stage::Paused)
            | flag(END_MADE_QDISC, attached.is_some_and(Attached::made_qdisc)),
        padding: 0,
        pauses: end.pauses,
        lost: lost.known(),
        unanswered: end.unanswered.known(),
    }
}
