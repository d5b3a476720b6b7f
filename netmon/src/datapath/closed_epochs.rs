//! Differences of two counts by epoch, taken once an epoch is closed: packets that left and did not arrive, requests
//! that passed and were not answered.
//!
//! Slots accumulate and are shared by epochs far apart, so the difference of a slot is what was lost in all its epochs.
//! It is meaningful only while the slot's latest epoch is old enough to be complete and too young to be reused. At other
//! times the last known difference stands.

use netmon_ebpf::record::Known;

/// A reading of both counts.
#[derive(Clone, Debug)]
pub(super) struct Reading<const SLOTS: usize> {
    /// Between these two times it was made, by the clock that defines the epochs.
    pub(super) read: (u64, u64),
    /// What left or was asked, by slot.
    pub(super) first: [u32; SLOTS],
    /// What arrived or was answered, by slot.
    pub(super) second: [u32; SLOTS],
}

/// An epoch of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    /// Its number since the clock's zero.
    pub(super) number: u64,
    /// How many epochs before the reading it was.
    pub(super) age: u64,
}

impl<const SLOTS: usize> Reading<SLOTS> {
    /// Returns the latest epoch of a slot that had begun when the reading began. `None` if the slot was reused during the
    /// reading.
    fn epoch(&self, shift: u32, slot: usize) -> Option<Epoch> {
        let (began, ended) = (self.read.0 >> shift, self.read.1 >> shift);
        let age = began.wrapping_sub(slot as u64) % SLOTS as u64;
        let number = began.checked_sub(age)?;
        (age + (ended - began) < SLOTS as u64).then_some(Epoch { number, age })
    }

    fn missing(&self, slot: usize) -> i64 {
        i64::from(self.first[slot].wrapping_sub(self.second[slot]).cast_signed())
    }
}

/// The differences of one pair of counts, by slot.
#[derive(Clone, Debug)]
pub(super) struct ClosedEpochs<const SLOTS: usize> {
    /// The length of an epoch in nanoseconds, as a power of two.
    shift: u32,
    /// On the heap: most of an endpoint, in a map whose nodes are half empty.
    known: Box<Known<SLOTS>>,
    changed: bool,
}

impl<const SLOTS: usize> ClosedEpochs<SLOTS> {
    /// Returns differences without readings, as if both counts were zero.
    pub(super) fn new(shift: u32) -> Self {
        Self { shift, known: Box::new(Known::NOTHING), changed: false }
    }

    /// Returns the known differences, from which another agent can resume.
    pub(super) fn known(&self) -> Known<SLOTS> {
        *self.known
    }

    /// Resumes from known differences.
    pub(super) fn restore(&mut self, known: &Known<SLOTS>) {
        *self.known = *known;
    }

    /// Returns whether a known difference has changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Adds a reading. An epoch counts if `is_complete` says that none of its packets is under way any more.
    pub(super) fn update(&mut self, reading: &Reading<SLOTS>, is_complete: impl Fn(Epoch) -> bool) {
        for slot in 0..SLOTS {
            if reading.epoch(self.shift, slot).is_some_and(&is_complete) {
                let missing = reading.missing(slot);
                let known = std::mem::replace(&mut self.known.slots[slot], missing);
                self.changed |= known != missing;
            }
        }
    }

    /// Returns whether an epoch that `is_due` selects has another difference than the known one, so it is not complete.
    pub(super) fn waits(&self, reading: &Reading<SLOTS>, is_due: impl Fn(Epoch) -> bool) -> bool {
        (0..SLOTS).any(|slot| {
            let differs = reading.missing(slot) != self.known.slots[slot];
            differs && reading.epoch(self.shift, slot).is_some_and(&is_due)
        })
    }

    /// Returns the sum over all closed epochs. It never decreases, since it is exported as a counter. The sum is signed
    /// until here, because merging of packets (GRO) may move counts between neighbouring epochs.
    pub(super) fn total(&mut self) -> u64 {
        let sum: i64 = self.known.slots.iter().sum();
        let before = self.known.highest;
        self.known.highest = before.max(u64::try_from(sum).unwrap_or(0));
        self.changed |= self.known.highest != before;
        self.known.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIFT: u32 = 10;

    fn at(epoch: u64, first: [u32; 8], second: [u32; 8]) -> Reading<8> {
        Reading { read: (epoch << SHIFT, epoch << SHIFT), first, second }
    }

    fn is_old(epoch: Epoch) -> bool {
        epoch.age >= 2
    }

    #[test]
    fn a_loss_is_counted_when_its_epoch_closes() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        epochs.update(&at(3, sent, received), is_old);
        assert_eq!(epochs.total(), 0);
        epochs.update(&at(4, sent, received), is_old);
        assert_eq!(epochs.total(), 0);
        epochs.update(&at(5, sent, received), is_old);
        assert_eq!(epochs.total(), 5);
    }

    #[test]
    fn a_reused_slot_keeps_its_earlier_losses() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        received[3] = 4;
        epochs.update(&at(6, sent, received), is_old);
        // The slot's next epoch, 11, is under way: three more left, none arrived yet.
        sent[3] = 8;
        epochs.update(&at(11, sent, received), is_old);
        assert_eq!(epochs.total(), 1);
        received[3] = 6;
        epochs.update(&at(13, sent, received), is_old);
        assert_eq!(epochs.total(), 2);
    }

    #[test]
    fn counts_that_moved_to_a_neighbouring_epoch_are_no_loss() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        (sent[3], received[3]) = (10, 7);
        (sent[4], received[4]) = (10, 13);
        epochs.update(&at(6, sent, received), is_old);
        assert_eq!(epochs.total(), 0);
    }

    #[test]
    fn a_resumed_total_never_decreases() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        epochs.update(&at(5, sent, received), is_old);
        assert_eq!((epochs.total(), epochs.take_changed(), epochs.take_changed()), (5, true, false));
        let mut next = ClosedEpochs::<8>::new(SHIFT);
        next.restore(&epochs.known());
        // Epoch 11 shares the slot of epoch 3, and is open.
        next.update(&at(11, sent, received), is_old);
        assert_eq!((next.total(), next.take_changed()), (5, false));
    }

    #[test]
    fn an_epoch_that_is_not_complete_waits_until_it_is() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        sent[3] = 400;
        // The path stands still: nothing that left later has arrived.
        let reading = at(7, sent, received);
        let arrived = |latest: u64| move |epoch: Epoch| epoch.age >= 2 && epoch.number < latest;
        epochs.update(&reading, arrived(2));
        assert_eq!((epochs.total(), epochs.waits(&reading, is_old)), (0, true));
        // Epoch 11 has the same slot. All of both arrive at last, and then something that left later.
        sent[3] = 500;
        received[3] = 500;
        let reading = at(14, sent, received);
        epochs.update(&reading, arrived(12));
        assert_eq!((epochs.total(), epochs.waits(&reading, is_old)), (0, false));
    }

    #[test]
    fn wrapped_counts_have_the_right_difference() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        (sent[0], received[0]) = (1, u32::MAX);
        epochs.update(&at(4, sent, received), is_old);
        assert_eq!(epochs.total(), 2);
    }
}
