//! Making bridges and veth pairs, and learning the numbers that the kernel gave them.

use std::collections::BTreeMap;

use super::{
    super::{duplicates, error::TopologyError, plan::Place},
    Build, vanished,
};
use crate::{
    names::{IfIndex, LinkName, NsName},
    netlink::link::{self, VethEnd},
};

/// How many links are asked for between two words on the progress.
const BATCH: usize = 64;

impl Build<'_> {
    pub(super) fn bridges(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_bridges().collect();
        for place in &wanted {
            let mac = self.interfaces.get(*place).ok_or_else(|| vanished(*place))?.mac;
            let handle = self.handles.get_mut(&place.namespace).ok_or_else(|| vanished(&place.namespace))?;
            handle.netlink.request(&link::create_bridge(&place.interface, mac))?;
            self.undo.made_bridge(place);
        }
        self.find_new(wanted.into_iter())
    }

    pub(super) fn links(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_links().collect();
        for (batch, number) in wanted.chunks(BATCH).zip(1..) {
            self.create_links(batch)?;
            self.progress.at("links", wanted.len().min(number * BATCH), wanted.len());
        }
        self.find_new(wanted.iter().flat_map(|(_, a, b, _)| [*a, *b]))
    }

    fn create_links(
        &mut self,
        batch: &[(&LinkName, &Place, &Place, Option<u32>)],
    ) -> Result<(), TopologyError> {
        let mut requests = Vec::with_capacity(batch.len());
        for (_, a, b, mtu) in batch {
            requests.push(link::create_veth(self.veth_end(a, *mtu)?, self.veth_end(b, *mtu)?));
        }
        let root = self.handles.get_mut(&NsName::root()).ok_or_else(|| vanished("root"))?;
        let answers = root.netlink.pipeline(&requests);
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

    /// Learns the numbers that the kernel chose.
    fn find_new<'b>(&mut self, made: impl Iterator<Item = &'b Place>) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<&Place>> = BTreeMap::new();
        for place in made {
            by_namespace.entry(&place.namespace).or_default().push(place);
        }
        for (namespace, places) in by_namespace {
            let handle = self.handles.get_mut(namespace).ok_or_else(|| vanished(namespace))?;
            let listed = handle.netlink.interfaces()?;
            let by_mac: BTreeMap<_, _> = listed
                .iter()
                .filter_map(|there| Some((there.mac?, (there.index, there.peer_index))))
                .collect();
            for place in places {
                if namespace.is_root() {
                    // This thread is in root; a new namespace was told when it was made.
                    duplicates::are_not_awaited_on(&place.interface);
                }
                let known = self.interfaces.get_mut(place).ok_or_else(|| vanished(place))?;
                let (index, peer) = by_mac.get(&known.mac).ok_or_else(|| vanished(place))?;
                (known.index, known.peer) = (Some(IfIndex(*index)), peer.map(IfIndex));
            }
        }
        Ok(())
    }
}
