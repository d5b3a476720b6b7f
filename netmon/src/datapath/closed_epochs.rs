//! Differences of two counts by epoch, taken once an epoch is closed: packets that left and did not arrive, requests
//! that passed and were not answered.
//!
//! Slots accumulate and are shared by epochs far apart, so the difference of a slot is what was lost in all its epochs.
//! It is meaningful only while the slot's latest epoch is old enough to be complete and too young to be reused. At other
//! times the last known difference stands.

use netmon_ebpf::record::Known;

/// The differences of one pair of counts, by slot.
#[derive(Clone, Debug)]
pub(super) struct ClosedEpochs<const SLOTS: usize> {
    /// The length of an epoch in nanoseconds, as a power of two.
    shift: u32,
    known: Known<SLOTS>,
    changed: bool,
}

impl<const SLOTS: usize> ClosedEpochs<SLOTS> {
    /// Returns differences without readings, as if both counts were zero.
    pub(super) fn new(shift: u32) -> Self {
        Self { shift, known: Known::NOTHING, changed: false }
    }

    /// Returns the known differences, from which another agent can resume.
    pub(super) fn known(&self) -> Known<SLOTS> {
        self.known
    }

    /// Resumes from known differences.
    pub(super) fn restore(&mut self, known: &Known<SLOTS>) {
        self.known = *known;
    }

    /// Returns whether a known difference has changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Adds a reading of both counts, made between the two times `read` of the clock that defines the epochs. An epoch is
    /// complete once it lies `settle` epochs back.
    pub(super) fn update(
        &mut self,
        read: (u64, u64),
        settle: u64,
        first: &[u32; SLOTS],
        second: &[u32; SLOTS],
    ) {
        let (began, ended) = (read.0 >> self.shift, read.1 >> self.shift);
        for slot in 0..SLOTS {
            // The age of this slot's latest epoch that had begun when the reading began ...
            let age = began.wrapping_sub(slot as u64) % SLOTS as u64;
            // ... and whose slot was not reused during the reading.
            if age >= settle && age + (ended - began) < SLOTS as u64 {
                let missing = i64::from(first[slot].wrapping_sub(second[slot]).cast_signed());
                let known = std::mem::replace(&mut self.known.slots[slot], missing);
                self.changed |= known != missing;
            }
        }
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

    fn at(epoch: u64) -> (u64, u64) {
        (epoch << SHIFT, epoch << SHIFT)
    }

    #[test]
    fn a_loss_is_counted_when_its_epoch_closes() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        epochs.update(at(3), 2, &sent, &received);
        assert_eq!(epochs.total(), 0);
        epochs.update(at(4), 2, &sent, &received);
        assert_eq!(epochs.total(), 0);
        epochs.update(at(5), 2, &sent, &received);
        assert_eq!(epochs.total(), 5);
    }

    #[test]
    fn a_reused_slot_keeps_its_earlier_losses() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        received[3] = 4;
        epochs.update(at(6), 2, &sent, &received);
        // The slot's next epoch, 11, is under way: three more left, none arrived yet.
        sent[3] = 8;
        epochs.update(at(11), 2, &sent, &received);
        assert_eq!(epochs.total(), 1);
        received[3] = 6;
        epochs.update(at(13), 2, &sent, &received);
        assert_eq!(epochs.total(), 2);
    }

    #[test]
    fn counts_that_moved_to_a_neighbouring_epoch_are_no_loss() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        (sent[3], received[3]) = (10, 7);
        (sent[4], received[4]) = (10, 13);
        epochs.update(at(6), 2, &sent, &received);
        assert_eq!(epochs.total(), 0);
    }

    #[test]
    fn a_resumed_total_never_decreases() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, received) = ([0; 8], [0; 8]);
        sent[3] = 5;
        epochs.update(at(5), 2, &sent, &received);
        assert_eq!((epochs.total(), epochs.take_changed(), epochs.take_changed()), (5, true, false));
        let mut next = ClosedEpochs::<8>::new(SHIFT);
        next.restore(&epochs.known());
        // Epoch 11 shares the slot of epoch 3, and is open.
        next.update(at(11), 2, &sent, &received);
        assert_eq!((next.total(), next.take_changed()), (5, false));
    }

    #[test]
    fn wrapped_counts_have_the_right_difference() {
        let mut epochs = ClosedEpochs::<8>::new(SHIFT);
        let (mut sent, mut received) = ([0; 8], [0; 8]);
        (sent[0], received[0]) = (1, u32::MAX);
        epochs.update(at(4), 2, &sent, &received);
        assert_eq!(epochs.total(), 2);
    }
}
