//! Links as a topology hands them over: its endpoints, grouped by their links.

use std::hash::{Hash, Hasher};

use netmon_model::{
    by::Ends,
    names::{InterfaceId, LinkName},
};

use crate::topology::Endpoint;

/// A link that a topology hands over.
pub(super) struct GivenLink<'e> {
    pub(super) name: &'e LinkName,
    /// Its position among all links.
    pub(super) rank: u32,
    pub(super) ends: &'e [Endpoint],
}

/// Groups endpoints by their links. Both ends of a link are together.
pub(super) fn given_links(endpoints: &[Endpoint]) -> impl Iterator<Item = GivenLink<'_>> {
    let by_link = endpoints.chunk_by(|one, next| one.link == next.link);
    by_link.zip(0..).filter_map(|(ends, rank)| Some(GivenLink { name: &ends.first()?.link, rank, ends }))
}

impl Hash for GivenLink<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { name, rank, ends } = self;
        (name, rank).hash(state);
        for endpoint in *ends {
            let Endpoint { namespace, interface, addresses, side, .. } = endpoint;
            (side, at(endpoint), namespace, interface, addresses).hash(state);
        }
    }
}

impl GivenLink<'_> {
    /// Returns the identities of its ends.
    pub(super) fn ends_at(&self) -> Ends<Option<InterfaceId>> {
        let mut ends = Ends::default();
        self.ends.iter().for_each(|endpoint| ends[endpoint.side] = Some(at(endpoint)));
        ends
    }
}

/// Returns the identity of an endpoint of a topology.
pub(super) fn at(endpoint: &Endpoint) -> InterfaceId {
    InterfaceId { netns: endpoint.cookie, ifindex: endpoint.ifindex }
}
