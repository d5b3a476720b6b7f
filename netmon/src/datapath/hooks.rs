//! What passed the hooks of one endpoint, as far as it is held against the kernel's own counters.

use netmon_ebpf::abi::{EGRESS, INGRESS};
use netmon_model::names::EndpointId;

use super::{
    Datapath, DatapathError, sums,
    watched::{WatchedEndpoint, WatchedLink},
};
use crate::{
    topology::Endpoint,
    watch::audit::{Hooks, Passed},
};

impl Datapath {
    /// Every endpoint that is watched, with its slot.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointId, &Endpoint)> {
        self.links.iter().flat_map(WatchedLink::ends).map(|end| (end.id, &end.endpoint))
    }

    /// What passed the hooks of these endpoints so far, in their order; nothing for one that is not watched.
    ///
    /// # Errors
    ///
    /// When the kernel does not give a map's value.
    pub fn hooks(&self, ids: &[EndpointId]) -> Result<Vec<Hooks>, DatapathError> {
        let mut places: Vec<(EndpointId, usize)> = ids.iter().copied().zip(0..).collect();
        places.sort_unstable();
        let mut found = vec![Hooks::default(); ids.len()];
        for end in self.links.iter().flat_map(WatchedLink::ends) {
            if let Ok(at) = places.binary_search_by_key(&end.id, |(id, _)| *id) {
                found[places[at].1] = self.hooks_of(end)?;
            }
        }
        Ok(found)
    }

    /// The accounts of an endpoint that were kept for whoever goes on with it; none when there are none.
    #[must_use]
    pub fn kept_accounts(&self, id: EndpointId) -> Option<Vec<u8>> {
        self.persistence.as_ref()?.kept_accounts(id)
    }

    /// Keeps the accounts of an endpoint, where anything outlives this.
    ///
    /// # Errors
    ///
    /// When the kernel does not take them.
    pub fn keep_accounts(&mut self, id: EndpointId, text: &[u8]) -> Result<(), DatapathError> {
        self.persistence.as_mut().map_or(Ok(()), |persistence| persistence.keep_accounts(id, text))
    }

    fn hooks_of(&self, end: &WatchedEndpoint) -> Result<Hooks, DatapathError> {
        let refused = |source| DatapathError::Map { name: "COUNTERS", source };
        let counters = self.object.counters.get(end.id).map_err(refused)?;
        let passed = |index| {
            let hook = sums::hook(&counters, index, None);
            Passed { packets: hook.packets(), segments: hook.segments }
        };
        let drops = self.object.drops.as_ref();
        Ok(Hooks {
            ingress: passed(INGRESS),
            egress: passed(EGRESS),
            egress_drops: drops.map_or(Ok(0), |drops| drops.at_egress(end.id))?,
            pauses: end.pauses,
            watched: end.attached.is_some(),
        })
    }
}
