//! Which links a history is about: each has a number, which its rows carry instead of a name.

use std::collections::{BTreeSet, HashMap};

use netmon_model::{
    names::{EndpointId, LinkName},
    snapshot::LinkSnapshot,
};

/// The identity of a link: after a change of the lab, another pair of interfaces may have its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkKey {
    name: LinkName,
    a: EndpointId,
    /// `None` while it is not known.
    b: Option<EndpointId>,
}

impl From<&LinkSnapshot> for LinkKey {
    fn from(link: &LinkSnapshot) -> Self {
        Self { name: link.name.clone(), a: link.a.id, b: link.b.as_ref().map(|b| b.id) }
    }
}

/// The number of each link.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: HashMap<LinkKey, u32>,
    /// Numbers below the highest one in use that no link has.
    free: Vec<u32>,
}

impl Keys {
    /// Returns the number of a link, a new one if it has none.
    pub(super) fn number(&mut self, link: &LinkSnapshot) -> u32 {
        let key = LinkKey::from(link);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        // Without a free number, the numbers in use are 0 to one less than there are links.
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let number = self.free.pop().unwrap_or(next);
        self.numbers.insert(key, number);
        number
    }

    /// Returns the number of a link. `None` if the history has nothing of it.
    pub(super) fn find(&self, key: &LinkKey) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// Removes every link whose number is not in `used`, and frees its number.
    pub(super) fn keep(&mut self, used: &BTreeSet<u32>) {
        self.numbers.retain(|_, number| used.contains(number));
        let end = self.numbers.values().max().map_or(0, |last| last + 1);
        self.free = (0..end).filter(|number| !used.contains(number)).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns the memory that the keys take.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.numbers.keys().map(|key| key.name.as_str().len()).sum();
        // A hash table has one control byte for each slot.
        self.numbers.capacity() * (size_of::<(LinkKey, u32)>() + 1)
            + names
            + self.free.capacity() * size_of::<u32>()
    }
}
