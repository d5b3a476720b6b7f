//! Allocation of slots in the kernel's maps.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use netmon_model::names::EndpointId;

/// Allocates the lowest free slot, so that chunks are full before a new one is created.
#[derive(Debug, Default)]
pub(super) struct Slots {
    free: BinaryHeap<Reverse<EndpointId>>,
    end: u32,
}

impl Slots {
    /// Creates an allocator in which these slots are taken.
    pub(super) fn holding(taken: impl Iterator<Item = EndpointId>) -> Self {
        let taken: BTreeSet<EndpointId> = taken.collect();
        let end = taken.last().map_or(0, |last| last.0 + 1);
        let free = (0..end).map(EndpointId).filter(|id| !taken.contains(id)).map(Reverse).collect();
        Self { free, end }
    }

    pub(super) fn take(&mut self) -> EndpointId {
        if let Some(Reverse(id)) = self.free.pop() {
            return id;
        }
        let id = EndpointId(self.end);
        self.end += 1;
        id
    }

    pub(super) fn give_back(&mut self, id: EndpointId) {
        self.free.push(Reverse(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_were_taken_before_are_not_given_out() {
        let mut slots = Slots::holding([EndpointId(1), EndpointId(3)].into_iter());
        let ids = [slots.take(), slots.take(), slots.take()];
        assert_eq!(ids, [EndpointId(0), EndpointId(2), EndpointId(4)]);
    }

    #[test]
    fn the_lowest_free_slot_is_given_out_first() {
        let mut slots = Slots::default();
        let ids: Vec<_> = (0..4).map(|_| slots.take()).collect();
        slots.give_back(ids[2]);
        slots.give_back(ids[1]);
        assert_eq!((slots.take(), slots.take(), slots.take()), (EndpointId(1), EndpointId(2), EndpointId(4)));
    }
}
