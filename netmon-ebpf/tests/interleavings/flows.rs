//! Connections: an entry has one writer at a time, is found only after it was written, and is displaced once.

use std::{array, sync::Arc};

use loom::sync::atomic::Ordering::Relaxed;
use netmon_ebpf::{
    flow::{FLOW_WAYS, FlowSet},
    tag::is_present,
};

use crate::{
    memory::{Machine, Shared, Slot},
    processors::{Work, explore, nth, processors},
};

/// A set, and the entries that its tags stand for.
struct Table {
    set: Shared<FlowSet>,
    entries: [Entry; FLOW_WAYS],
    machine: Machine,
}

/// The part of an entry that decides whether it is displaced, and by which it is recognized.
struct Entry {
    last_ns: Slot,
    /// The tag of the connection, which stands for the key.
    owner: Slot,
}

/// What one processor did to the table.
#[derive(Clone, Copy, Debug)]
enum Did {
    /// Began the connection in an entry, and may have displaced another.
    Begin { tag: u64, way: usize, displaced: Option<u64> },
    /// Lost the race for an entry, or did not want one.
    Nothing,
}

impl Table {
    /// Returns a set in which connections 0, 1, ... were last seen at 10, 20, ... ns. The next `changing` entries
    /// can change: the free ones first, then those of the quietest connections.
    fn with(machine: Machine, connections: usize, changing: usize) -> Arc<Self> {
        let changes = |way| (way + FLOW_WAYS - connections) % FLOW_WAYS < changing;
        let set = Shared::new(machine, changes, |set: &FlowSet, words| {
            for n in 0..connections {
                let claimed = set.claim(|_| 1, words).map(|claimed| (claimed.way, claimed.displaced));
                assert_eq!(claimed, Some((n, false)));
                set.publish(n, nth(n as u64), words);
            }
        });
        let entries = array::from_fn(|n| {
            let (last_ns, owner) =
                if n < connections { (10 * (n as u64 + 1), nth(n as u64)) } else { (0, 0) };
            Entry { last_ns: Slot::new(last_ns, changes(n)), owner: Slot::new(owner, changes(n)) }
        });
        Arc::new(Self { set, entries, machine })
    }

    fn find(&self, tag: u64) -> Option<usize> {
        self.set.table().find(tag, self.set.words())
    }

    fn owner(&self, way: usize) -> u64 {
        self.entries[way].owner.load(self.machine)
    }

    /// Begins a connection as the programs do: claims an entry, writes it, publishes it, and only then accounts for
    /// the first segment.
    fn begin(&self, tag: u64, now_ns: u64) -> Did {
        let last_ns = |way: usize| self.entries[way].last_ns.load(self.machine);
        let Some(claimed) = self.set.table().claim(last_ns, self.set.words()) else {
            return Did::Nothing;
        };
        let Entry { last_ns, owner } = &self.entries[claimed.way];
        let before = owner.changing().swap(tag, Relaxed);
        last_ns.store(0, self.machine);
        self.set.table().publish(claimed.way, tag, self.set.words());
        last_ns.store(now_ns, self.machine);
        assert_eq!(claimed.displaced, before != 0);
        Did::Begin { tag, way: claimed.way, displaced: claimed.displaced.then_some(before) }
    }

    /// Asserts that each connection either was displaced once or is in the set, with an entry of its own.
    fn assert_accounted(&self, connections_before: usize, did: &[Did]) {
        let mut present: Vec<u64> = (0..connections_before as u64).map(nth).collect();
        present.extend(did.iter().filter_map(|did| match did {
            Did::Begin { tag, .. } => Some(*tag),
            Did::Nothing => None,
        }));
        for one in did {
            if let Did::Begin { displaced: Some(displaced), .. } = one {
                let place = present.iter().position(|tag| tag == displaced);
                present.swap_remove(place.unwrap_or_else(|| panic!("displaced twice: {did:?}")));
            }
        }
        self.set.settled(|set, words| {
            for tag in present {
                let way = set.find(tag, words).unwrap_or_else(|| panic!("lost: {tag:#x} of {did:?}"));
                assert_eq!(self.owner(way), tag, "entry {way} of {did:?}");
            }
        });
    }
}

/// A processor that sees the first segment of a connection.
fn begins(tag: u64, now_ns: u64) -> Work<Table, Did> {
    Box::new(move |table| table.begin(tag, now_ns))
}

/// A processor that sees a segment of a connection, which may be its first.
fn begins_unless_found(tag: u64, now_ns: u64) -> Work<Table, Did> {
    Box::new(move |table| match table.find(tag) {
        Some(_) => Did::Nothing,
        None => table.begin(tag, now_ns),
    })
}

#[test]
fn two_connections_that_begin_at_once_never_share_an_entry() {
    for connections in [FLOW_WAYS - 2, FLOW_WAYS - 1, FLOW_WAYS] {
        explore(&Machine::ALL, None, move |machine| {
            let table = Table::with(machine, connections, 2);
            let did = processors(&table, [begins(nth(20), 200), begins(nth(21), 210)]);
            assert!(did.iter().any(|did| matches!(did, Did::Begin { .. })), "{did:?}");
            table.assert_accounted(connections, &did);
        });
    }
}

/// All orders would take minutes, and so would outdated values. Three preemptions let both of the other processors run
/// between a processor's look at an entry and its exchange, and one of them in two parts.
#[test]
fn three_connections_that_begin_at_once_never_share_an_entry() {
    explore(&[Machine::Ordered], Some(3), |machine| {
        let table = Table::with(machine, FLOW_WAYS, 3);
        let work = [begins(nth(20), 200), begins(nth(21), 210), begins(nth(22), 220)];
        let did = processors(&table, work);
        table.assert_accounted(FLOW_WAYS, &did);
    });
}

#[test]
fn a_connection_that_begins_on_two_processors_at_once_is_found_in_one_entry() {
    explore(&Machine::ALL, None, |machine| {
        let table = Table::with(machine, FLOW_WAYS - 2, 2);
        let did = processors(&table, [begins_unless_found(nth(20), 200), begins_unless_found(nth(20), 210)]);
        let ways = did.iter().filter_map(|did| match did {
            Did::Begin { way, .. } => Some(*way),
            Did::Nothing => None,
        });
        // Both processors may have looked before either published. Then there are two entries: the first is found
        // from now on, and the second is displaced in time.
        assert_eq!(table.find(nth(20)), ways.min());
    });
}

/// On x86-64. On arm64 the tag of an entry can become visible before the rest of the entry, and another processor
/// can meet the values of the displaced connection for an instant. eBPF could not order the two before Linux 6.15
/// (`BPF_LOAD_ACQ`).
#[test]
fn a_connection_is_found_only_after_its_entry_was_written() {
    explore(&[Machine::Ordered], None, |machine| {
        let table = Table::with(machine, FLOW_WAYS, 1);
        let finds: Work<Table, Did> = Box::new(|table| {
            if let Some(way) = table.find(nth(20)) {
                assert_eq!(table.owner(way), nth(20));
            }
            Did::Nothing
        });
        processors(&table, [begins(nth(20), 200), finds]);
    });
}

/// The agent lists connections in this way. On x86-64, for the same reason.
#[test]
fn an_entry_whose_tag_is_the_same_before_and_after_was_read_as_one_connection() {
    explore(&[Machine::Ordered], None, |machine| {
        let table = Table::with(machine, FLOW_WAYS, 1);
        let lists: Work<Table, Did> = Box::new(|table| {
            let tag = table.set.word(0);
            let owner = table.owner(0);
            if is_present(tag) && table.set.word(0) == tag {
                assert_eq!(owner, tag);
            }
            Did::Nothing
        });
        processors(&table, [begins(nth(20), 200), lists]);
    });
}
