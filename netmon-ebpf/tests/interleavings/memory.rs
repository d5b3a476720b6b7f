//! A table in memory that loom controls.

use std::{array, cell::Cell, ptr, sync::atomic::AtomicU64 as Word};

use loom::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use netmon_ebpf::tag::SharedWords;

/// Words of a set: one cache line.
const WORDS: usize = 8;

/// How processors see each other's plain loads and stores. Compare-and-exchange is a full barrier on either.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Machine {
    /// x86-64: every processor sees all accesses in the same order. The store buffer makes no difference here,
    /// because no processor in these tests loads anything after its first store.
    Ordered,
    /// arm64: a load may return an outdated value, and stores to different words become visible in any order.
    Weak,
}

impl Machine {
    /// Both of them.
    pub(crate) const ALL: [Self; 2] = [Self::Ordered, Self::Weak];

    pub(crate) fn load(self, word: &AtomicU64) -> u64 {
        match self {
            // It never succeeds. `main.rs` says why this is not a plain load.
            Self::Ordered => {
                word.compare_exchange(u64::MAX, u64::MAX, SeqCst, SeqCst).unwrap_or_else(|found| found)
            }
            Self::Weak => word.load(Relaxed),
        }
    }

    pub(crate) fn store(self, word: &AtomicU64, new: u64) {
        let ordering = match self {
            Self::Ordered => SeqCst,
            Self::Weak => Relaxed,
        };
        word.store(new, ordering);
    }
}

/// A word of a table or of an entry.
#[derive(Debug)]
pub(crate) enum Slot {
    /// No processor writes to it in this model, so it does not matter when it is loaded, and loom need not know.
    Fixed(u64),
    /// Any processor may write to it.
    Changing(AtomicU64),
}

impl Slot {
    pub(crate) fn new(value: u64, changes: bool) -> Self {
        if changes { Self::Changing(AtomicU64::new(value)) } else { Self::Fixed(value) }
    }

    /// Returns the word for writing.
    pub(crate) fn changing(&self) -> &AtomicU64 {
        match self {
            Self::Changing(word) => word,
            Self::Fixed(value) => {
                panic!("the model is too small: a processor wrote to a fixed word, {value:#x}")
            }
        }
    }

    pub(crate) fn load(&self, machine: Machine) -> u64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Changing(word) => machine.load(word),
        }
    }

    pub(crate) fn store(&self, new: u64, machine: Machine) {
        machine.store(self.changing(), new);
    }

    /// Returns the value after all processors have finished.
    pub(crate) fn settled(&self) -> u64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Changing(word) => word.load(SeqCst),
        }
    }
}

/// A table whose words are [`Slot`]s. The table's own words stay 0: their addresses say which slot is meant.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    table: T,
    words: [Slot; WORDS],
    machine: Machine,
}

impl<T: Default> Shared<T> {
    /// Returns a table in the state that `prepare` leaves it in. Processors may then write to those words for whose
    /// index `changes` returns true.
    pub(crate) fn new(
        machine: Machine,
        changes: impl Fn(usize) -> bool,
        prepare: impl FnOnce(&T, Words<'_, Cell<u64>>),
    ) -> Self {
        assert_eq!(size_of::<T>(), size_of::<[Word; WORDS]>());
        let table = T::default();
        let words: [Cell<u64>; WORDS] = Default::default();
        prepare(&table, Words::of(&table, &words, machine));
        let words = array::from_fn(|index| Slot::new(words[index].get(), changes(index)));
        Self { table, words, machine }
    }

    pub(crate) const fn table(&self) -> &T {
        &self.table
    }

    /// Returns access to the words for a processor.
    pub(crate) fn words(&self) -> Words<'_, Slot> {
        Words::of(&self.table, &self.words, self.machine)
    }

    /// Loads the `index`th word, as a reader does that knows the layout of the table.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words[index].load(self.machine)
    }

    /// Calls `look` with the table as it is after all processors have finished.
    pub(crate) fn settled(&self, look: impl FnOnce(&T, Words<'_, Cell<u64>>)) {
        let words = self.words.each_ref().map(|word| Cell::new(word.settled()));
        look(&self.table, Words::of(&self.table, &words, self.machine));
    }
}

/// Access to the words of a table that are kept in `words`.
#[derive(Debug)]
pub(crate) struct Words<'a, W> {
    start: usize,
    words: &'a [W; WORDS],
    machine: Machine,
}

impl<W> Clone for Words<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Words<'_, W> {}

impl<'a, W> Words<'a, W> {
    fn of<T>(table: &T, words: &'a [W; WORDS], machine: Machine) -> Self {
        Self { start: ptr::from_ref(table).addr(), words, machine }
    }

    fn at(&self, word: &Word) -> &'a W {
        &self.words[(ptr::from_ref(word).addr() - self.start) / size_of::<Word>()]
    }
}

impl SharedWords for Words<'_, Slot> {
    fn load(self, word: &Word) -> u64 {
        self.at(word).load(self.machine)
    }

    fn store(self, word: &Word, new: u64) {
        self.at(word).store(new, self.machine);
    }

    fn compare_exchange(self, word: &Word, old: u64, new: u64) -> bool {
        self.at(word).changing().compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }
}

impl SharedWords for Words<'_, Cell<u64>> {
    fn load(self, word: &Word) -> u64 {
        self.at(word).get()
    }

    fn store(self, word: &Word, new: u64) {
        self.at(word).set(new);
    }

    fn compare_exchange(self, word: &Word, old: u64, new: u64) -> bool {
        let same = self.at(word).get() == old;
        if same {
            self.at(word).set(new);
        }
        same
    }
}
