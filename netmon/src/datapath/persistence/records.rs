//! The records of endpoints: written before an endpoint is changed, and read by the next agent.

use std::{collections::BTreeMap, path::PathBuf};

use aya::maps::MapError;
use netmon_ebpf::record::{
    AUDIT_BYTES, AuditRecord, END_COMPLETE, END_MADE_QDISC, END_PAUSED, END_PEER_STAMPS, END_STAMPS,
    EndRecord,
};
use netmon_model::{by::Hooks, names::EndpointId};

use super::{AUDITS, ENDS, Persistence};
use crate::datapath::{DatapathError, attach::Attached, endpoint::Endpoint, error::gone};

impl Persistence {
    /// Returns the paths at which the links of an endpoint's hooks are pinned.
    pub(in crate::datapath) fn hooks(&self, id: EndpointId) -> Hooks<PathBuf> {
        Hooks::from_fn(|direction| self.folder.hook(id, direction))
    }

    /// Writes the record of an endpoint's current state.
    pub(in crate::datapath) fn record(
        &mut self,
        endpoint: &Endpoint,
        stage: Stage,
    ) -> Result<(), DatapathError> {
        self.ends
            .insert(endpoint.id.0, record_of(endpoint, stage), 0)
            .map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Returns all records.
    pub(super) fn recorded(&self) -> Result<BTreeMap<EndpointId, EndRecord>, DatapathError> {
        let all = self.ends.iter().map(|entry| entry.map(|(slot, end)| (EndpointId(slot), end)));
        all.collect::<Result<_, MapError>>().map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Removes the records of an endpoint that was cleared.
    pub(in crate::datapath) fn forget(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        gone(self.audits.remove(&id.0)).map_err(|source| DatapathError::Map { name: AUDITS, source })?;
        gone(self.ends.remove(&id.0)).map_err(|source| DatapathError::Map { name: ENDS, source })
    }

    /// Stores an endpoint's audit ledger. If the text is too long, stores an empty one, and the audit starts again.
    pub(in crate::datapath) fn store_ledger(
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

    /// Returns an endpoint's audit ledger. `None` if none is stored.
    pub(in crate::datapath) fn load_ledger(&self, id: EndpointId) -> Option<Vec<u8>> {
        let record = self.audits.get(&id.0, 0).ok()?;
        record.text.get(..record.length as usize).map(<[u8]>::to_vec)
    }
}

/// The stage of an endpoint. It is recorded before a hook gets its first program, and before one loses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::datapath) enum Stage {
    /// Being attached or detached.
    Unfinished,
    /// Counted at both hooks.
    Complete,
    /// Counted, but temporarily without programs on some of its hooks.
    Paused,
}

fn record_of(endpoint: &Endpoint, stage: Stage) -> EndRecord {
    let attached = endpoint.attached.as_ref();
    let flag = |flag: u32, is_set: bool| if is_set { flag } else { 0 };
    let programs = attached.map(Attached::programs).unwrap_or_default();
    EndRecord {
        cookie: endpoint.at.netns.0,
        ifindex: endpoint.at.ifindex.0,
        peer: endpoint.peer.unwrap_or(endpoint.id).0,
        programs: [programs.ingress, programs.egress],
        flags: flag(END_COMPLETE, stage != Stage::Unfinished)
            | flag(END_STAMPS, endpoint.stamps)
            | flag(END_PEER_STAMPS, endpoint.peer_stamps)
            | flag(END_PAUSED, stage == Stage::Paused)
            | flag(END_MADE_QDISC, attached.is_some_and(Attached::made_qdisc)),
        padding: 0,
        pauses: endpoint.pauses,
        lost: endpoint.lost.known(),
        echoes_unanswered: endpoint.echoes_unanswered.known(),
        dns_unanswered: endpoint.dns_unanswered.known(),
    }
}
