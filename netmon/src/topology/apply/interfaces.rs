//! Creates bridges and veth pairs, and learns their indexes.

use std::collections::BTreeMap;

use netmon_kernel::netlink::link::{self, VethEnd};
use netmon_model::{
    mac::Mac,
    names::{IfIndex, LinkName, NsName, Place},
};

use super::{
    super::{dad::Interfaces, error::TopologyError},
    Build, vanished,
};

/// A link that the plan creates.
type NewLink<'p> = (&'p LinkName, &'p Place, &'p Place, Option<u32>);
/// Indexes of interfaces and of their peers, by link-layer address.
type Indexes = BTreeMap<Mac, (IfIndex, Option<IfIndex>)>;

/// Links that are created between two reports of progress.
const BATCH: usize = 64;

impl Build<'_> {
    pub(super) fn bridges(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_bridges().collect();
        for place in &wanted {
            let mac = self.interfaces.get(*place).ok_or_else(|| vanished(*place))?.mac;
            let handle = self.handles.get_mut(&place.namespace).ok_or_else(|| vanished(&place.namespace))?;
            handle.netlink()?.request(&link::create_bridge(&place.interface, mac))?;
            self.undo.created_bridge(place);
        }
        disable_dad(wanted.iter().copied());
        self.learn_bridges(&wanted)
    }

    pub(super) fn links(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_links().collect();
        for (batch, number) in wanted.chunks(BATCH).zip(1..) {
            self.create_links(batch)?;
            self.progress.at("links", wanted.len().min(number * BATCH), wanted.len());
        }
        disable_dad(wanted.iter().flat_map(|(_, a, b, _)| [*a, *b]));
        self.learn_links(&wanted)
    }

    fn create_links(&mut self, batch: &[NewLink<'_>]) -> Result<(), TopologyError> {
        let mut requests = Vec::with_capacity(batch.len());
        for (_, a, b, mtu) in batch {
            requests.push(link::create_veth(self.veth_end(a, *mtu)?, self.veth_end(b, *mtu)?));
        }
        let root = self.handles.get_mut(&NsName::root()).ok_or_else(|| vanished("root"))?;
        let answers = root.netlink()?.pipeline(&requests);
        let mut failed = None;
        for ((_, a, b, _), answer) in batch.iter().zip(answers) {
            match answer {
                Ok(()) => self.undo.created_link(a, b),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(()), |e| Err(e.into()))
    }

    fn veth_end<'b>(&'b self, place: &'b Place, mtu: Option<u32>) -> Result<VethEnd<'b>, TopologyError> {
        let known = self.interfaces.get(place).ok_or_else(|| vanished(place))?;
        let handle = self.handles.get(&place.namespace).ok_or_else(|| vanished(&place.namespace))?;
        Ok(VethEnd {
            namespace: &handle.namespace,
            name: &place.interface,
            mac: known.mac,
            // A new namespace is not always empty (tunl0, sit0), so no index is known to be free.
            index: None,
            mtu,
        })
    }

    /// Learns the indexes of new bridges.
    fn learn_bridges(&mut self, bridges: &[&Place]) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<&Place>> = BTreeMap::new();
        for place in bridges {
            by_namespace.entry(&place.namespace).or_default().push(place);
        }
        for (namespace, places) in by_namespace {
            let indexes = self.indexes_in(namespace)?;
            for place in places {
                self.learn(place, &indexes)?;
            }
        }
        Ok(())
    }

    /// Learns the indexes of the ends of new links. An end tells its peer's index too, so only one of the two namespaces
    /// has to be read: of a star, root alone, and not a thousand.
    fn learn_links(&mut self, links: &[NewLink<'_>]) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<(&Place, &Place)>> = BTreeMap::new();
        for (_, a, b, _) in links {
            let from_b = b.namespace.is_root()
                || (by_namespace.contains_key(&b.namespace) && !by_namespace.contains_key(&a.namespace));
            let (seen, peer) = if from_b && !a.namespace.is_root() { (b, a) } else { (a, b) };
            by_namespace.entry(&seen.namespace).or_default().push((seen, peer));
        }
        for (namespace, links) in by_namespace {
            let indexes = self.indexes_in(namespace)?;
            for (seen, peer) in links {
                let (index, peer_index) = self.learn(seen, &indexes)?;
                let known = self.interfaces.get_mut(peer).ok_or_else(|| vanished(peer))?;
                (known.index, known.peer) = (peer_index, Some(index));
            }
        }
        Ok(())
    }

    /// Reads the index of each interface of a namespace, and of its peer, by link-layer address.
    fn indexes_in(&mut self, namespace: &NsName) -> Result<Indexes, TopologyError> {
        let handle = self.handles.get_mut(namespace).ok_or_else(|| vanished(namespace))?;
        let listed = handle.netlink()?.interfaces()?.into_iter();
        Ok(listed
            .filter_map(|there| Some((there.mac?, (IfIndex(there.index), there.peer_index.map(IfIndex)))))
            .collect())
    }

    /// Records and returns the index of an interface, and of its peer.
    fn learn(
        &mut self,
        place: &Place,
        indexes: &Indexes,
    ) -> Result<(IfIndex, Option<IfIndex>), TopologyError> {
        let known = self.interfaces.get_mut(place).ok_or_else(|| vanished(place))?;
        let &(index, peer) = indexes.get(&known.mac).ok_or_else(|| vanished(place))?;
        (known.index, known.peer) = (Some(index), peer);
        Ok((index, peer))
    }
}

/// Switches off duplicate address detection on new interfaces in root, which this thread is in. In a new namespace it is
/// off from the beginning.
fn disable_dad<'p>(created: impl IntoIterator<Item = &'p Place>) {
    let (here, in_root) = (Interfaces::here(), created.into_iter().filter(|place| place.namespace.is_root()));
    in_root.for_each(|place| here.disable_on(&place.interface));
}
