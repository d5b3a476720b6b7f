//! Totals of the hooks of some endpoints, for the comparison with the kernel's own counters.

use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId},
};
use serde::{Deserialize, Serialize};

use super::{Datapath, DatapathError, endpoint::Endpoint, sums};

/// Totals of one hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Packets. A super-packet counts as one.
    pub packets: u64,
    /// The segments of all packets.
    pub segments: u64,
}

/// Totals of netmon's programs at an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTotals {
    /// Traffic at each hook.
    #[serde(flatten)]
    pub passed: Hooks<Passed>,
    /// Packets that programs dropped at each hook, before netmon's or behind.
    pub drops: Hooks<u64>,
    /// How often the programs were detached.
    pub pauses: u64,
    /// Whether the programs are attached.
    pub watched: bool,
}

impl Datapath {
    /// Returns the totals of these endpoints, in their order. They are zero for an endpoint without programs.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to read a map.
    pub fn hook_totals(&self, ids: &[EndpointId]) -> Result<Vec<HookTotals>, DatapathError> {
        let totals = |id| self.endpoints.get(id).map_or(Ok(HookTotals::default()), |one| self.totals_of(one));
        ids.iter().map(totals).collect()
    }

    fn totals_of(&self, endpoint: &Endpoint) -> Result<HookTotals, DatapathError> {
        let refused = |source| DatapathError::Map { name: "COUNTERS", source };
        let counters = self.object.counters.get(endpoint.id).map_err(refused)?;
        let passed = |direction: Direction| {
            let hook = sums::hook(&counters, direction);
            Passed { packets: hook.packets(), segments: hook.segments }
        };
        let drops = self.object.drops.as_ref();
        Ok(HookTotals {
            passed: Hooks::from_fn(passed),
            drops: match drops {
                Some(drops) => Hooks {
                    ingress: drops.at_hook(endpoint.id, Direction::Ingress)?,
                    egress: drops.at_hook(endpoint.id, Direction::Egress)?,
                },
                None => Hooks::default(),
            },
            pauses: endpoint.pauses,
            watched: endpoint.attached.is_some(),
        })
    }

    /// Loads the audit ledger that an agent stored for an endpoint, as it was written. `None` if there is none.
    #[must_use]
    pub fn load_ledger(&self, id: EndpointId) -> Option<Vec<u8>> {
        self.persistence.as_ref()?.load_ledger(id)
    }

    /// Stores the audit ledger of an endpoint, if this datapath's maps are pinned.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to write the map.
    pub fn store_ledger(&mut self, id: EndpointId, text: &[u8]) -> Result<(), DatapathError> {
        self.persistence.as_mut().map_or(Ok(()), |persistence| persistence.store_ledger(id, text))
    }
}
