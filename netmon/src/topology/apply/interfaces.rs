//! Making bridges and veth pairs, and learning the numbers that the kernel gave them.

use std::collections::BTreeMap;

use netmon_kernel::netlink::link::{self, VethEnd};
use netmon_model::{
    mac::Mac,
    names::{IfIndex, LinkName, NsName, Place},
};

use super::{
    super::{duplicates::Interfaces, error::TopologyError},
    Build, vanished,
};

/// A link that the plan makes.
type NewLink<'p> = (&'p LinkName, &'p Place, &'p Place, Option<u32>);
/// Numbers of interfaces and of their peers, by link-layer address.
type Numbers = BTreeMap<Mac, (IfIndex, Option<IfIndex>)>;

/// How many links are asked for between two words on the progress.
const BATCH: usize = 64;

impl Build<'_> {
    pub(super) fn bridges(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_bridges().collect();
        for place in &wanted {
            let mac = self.interfaces.get(*place).ok_or_else(|| vanished(*place))?.mac;
            let handle = self.handles.get_mut(&place.namespace).ok_or_else(|| vanished(&place.namespace))?;
            handle.netlink()?.request(&link::create_bridge(&place.interface, mac))?;
            self.undo.made_bridge(place);
        }
        have_no_duplicates(wanted.iter().copied());
        self.number_bridges(&wanted)
    }

    pub(super) fn links(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_links().collect();
        for (batch, number) in wanted.chunks(BATCH).zip(1..) {
            self.create_links(batch)?;
            self.progress.at("links", wanted.len().min(number * BATCH), wanted.len());
        }
        have_no_duplicates(wanted.iter().flat_map(|(_, a, b, _)| [*a, *b]));
        self.number_links(&wanted)
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
                Ok(()) => self.undo.made_link(a, b),
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
            // A new namespace is not always empty (tunl0, sit0), so no number is known to be free.
            index: None,
            mtu,
        })
    }

    /// Learns the numbers that the kernel gave bridges.
    fn number_bridges(&mut self, made: &[&Place]) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<&Place>> = BTreeMap::new();
        for place in made {
            by_namespace.entry(&place.namespace).or_default().push(place);
        }
        for (namespace, places) in by_namespace {
            let numbers = self.numbers_in(namespace)?;
            for place in places {
                self.number(place, &numbers)?;
            }
        }
        Ok(())
    }

    /// Learns the numbers that the kernel gave the ends of links. Each end says what its peer's is, so one of a link's
    /// two namespaces is looked into: of a star, root alone, and not a thousand.
    fn number_links(&mut self, made: &[NewLink<'_>]) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<(&Place, &Place)>> = BTreeMap::new();
        for (_, a, b, _) in made {
            let from_b = b.namespace.is_root()
                || (by_namespace.contains_key(&b.namespace) && !by_namespace.contains_key(&a.namespace));
            let (seen, peer) = if from_b && !a.namespace.is_root() { (b, a) } else { (a, b) };
            by_namespace.entry(&seen.namespace).or_default().push((seen, peer));
        }
        for (namespace, links) in by_namespace {
            let numbers = self.numbers_in(namespace)?;
            for (seen, peer) in links {
                let (index, peer_index) = self.number(seen, &numbers)?;
                let known = self.interfaces.get_mut(peer).ok_or_else(|| vanished(peer))?;
                (known.index, known.peer) = (peer_index, Some(index));
            }
        }
        Ok(())
    }

    /// The number of each interface of a namespace, and its peer's, by link-layer address.
    fn numbers_in(&mut self, namespace: &NsName) -> Result<Numbers, TopologyError> {
        let handle = self.handles.get_mut(namespace).ok_or_else(|| vanished(namespace))?;
        let listed = handle.netlink()?.interfaces()?.into_iter();
        Ok(listed
            .filter_map(|there| Some((there.mac?, (IfIndex(there.index), there.peer_index.map(IfIndex)))))
            .collect())
    }

    /// Notes the number of an interface, and its peer's, and says them.
    fn number(
        &mut self,
        place: &Place,
        numbers: &Numbers,
    ) -> Result<(IfIndex, Option<IfIndex>), TopologyError> {
        let known = self.interfaces.get_mut(place).ok_or_else(|| vanished(place))?;
        let &(index, peer) = numbers.get(&known.mac).ok_or_else(|| vanished(place))?;
        (known.index, known.peer) = (Some(index), peer);
        Ok((index, peer))
    }
}

/// This thread is in root; a new namespace was told when it was made.
fn have_no_duplicates<'p>(made: impl IntoIterator<Item = &'p Place>) {
    let (here, in_root) = (Interfaces::here(), made.into_iter().filter(|place| place.namespace.is_root()));
    in_root.for_each(|place| here.do_not_await_on(&place.interface));
}
