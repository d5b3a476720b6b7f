//! Filters of netmon's that a dead agent left on a lab that stays. The kernel detaches TCX programs when their agent ends,
//! but not filters on a clsact qdisc.

use netmon_kernel::netlink::{Netlink, NetlinkError, clsact};
use netmon_model::{
    error::chain,
    names::{Direction, IfIndex, Place},
};
use serde::Serialize;

use super::FoundLab;
use crate::topology::{error::TopologyError, handle::Handle};

/// A filter of netmon's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundFilter {
    /// The interface.
    #[serde(flatten)]
    pub place: Place,
    /// The hook.
    pub direction: Direction,
    #[serde(skip)]
    pub(super) index: IfIndex,
}

/// Returns netmon's filters on one interface.
pub(super) fn on(
    netlink: &mut Netlink,
    place: &Place,
    index: IfIndex,
) -> Result<Vec<FoundFilter>, NetlinkError> {
    let mut found = Vec::new();
    for direction in Direction::BOTH {
        if netlink.hook_filters(index, direction)?.iter().any(clsact::Filter::is_ours) {
            found.push(FoundFilter { place: place.clone(), direction, index });
        }
    }
    Ok(found)
}

impl FoundLab {
    /// Removes netmon's filters from the lab's interfaces. The caller holds the claim.
    ///
    /// The clsact qdisc stays, since another program may have created it. Continues after errors, and returns all of
    /// them.
    pub fn remove_filters(&self) -> Vec<String> {
        self.filters.iter().filter_map(|filter| filter.remove().err()).map(|error| chain(&error)).collect()
    }
}

#[cfg(test)]
impl FoundFilter {
    /// A filter, for tests of the reports that list it.
    pub(super) fn example(place: Place, direction: Direction) -> Self {
        Self { place, direction, index: IfIndex(2) }
    }
}

impl FoundFilter {
    fn remove(&self) -> Result<(), TopologyError> {
        let Place { namespace, interface } = &self.place;
        let mut handle = Handle::open(namespace)?;
        let request = clsact::delete_filter(self.index, interface.as_str(), self.direction);
        match handle.netlink()?.request(&request) {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
