//! What is read of a namespace beside its interfaces: routes and impairments.

use netmon_model::lab::{Namespace, Route};

use super::{
    super::{error::TopologyError, handle::Handle, installed_impairment},
    Contents, Owner,
};

impl Contents {
    /// Reads the routes of a namespace that the lab has.
    pub(super) fn read_routes(
        &mut self,
        handle: &mut Handle,
        wanted: &Namespace,
    ) -> Result<(), TopologyError> {
        for there in handle.netlink()?.routes()? {
            match (there.is_own, &there.via[..]) {
                (true, [via]) => self.routes.push(Route { to: there.to, via: *via }),
                _ if wanted.routes.iter().any(|route| route.to == there.to) => self.other_routes.push(there),
                // Another program appended next hops to it (`ip -6 route append`).
                (true, several) => {
                    let hops = several.iter().map(|via| Route { to: there.to, via: *via });
                    self.routes.extend(hops.filter(|hop| self.had_routes.contains(hop)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the impairments of the lab's interfaces.
    pub(super) fn read_impairments(&mut self, handle: &mut Handle) -> Result<(), TopologyError> {
        let ours = || self.interfaces.values().filter(|there| there.owner == Owner::Ours && !there.is_bridge);
        let mut found =
            installed_impairment::read(handle.netlink()?, &ours().map(|there| there.index).collect())?;
        for there in self.interfaces.values_mut().filter(|there| there.owner == Owner::Ours) {
            there.impairment = found.remove(&there.index).unwrap_or_default();
        }
        Ok(())
    }
}
