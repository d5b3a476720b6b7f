//! Epochs: slices of the monotonic clock, by which both ends of a link count the same packets.
//!
//! At both ends, a packet belongs to the epoch of its departure stamp. Once every packet of an epoch has arrived
//! or is lost, the counts of the two ends can be compared (alternate marking, RFC 9341). A slot accumulates over
//! all epochs that share it, and is never reset: the difference between the two ends is what was lost in all of
//! them.

/// Number of slots of the loss epochs.
pub const LOSS_EPOCHS: usize = 64;
/// A loss epoch lasts 2^27 ns = 134 ms.
pub const LOSS_EPOCH_SHIFT: u32 = 27;
/// Number of slots of the answer epochs.
pub const ANSWER_EPOCHS: usize = 16;
/// An answer epoch lasts 2^30 ns = 1.07 s.
pub const ANSWER_EPOCH_SHIFT: u32 = 30;

/// The time in which a request must be answered: five seconds. A later answer does not count.
pub const ANSWER_TIMEOUT_NS: u64 = 5_000_000_000;

/// Returns the loss epoch slot of a departure stamp.
///
/// ```
/// use netmon_ebpf::epoch::{LOSS_EPOCH_SHIFT, LOSS_EPOCHS, loss_slot};
///
/// let epoch_ns = 1 << LOSS_EPOCH_SHIFT;
/// assert_eq!(loss_slot(3 * epoch_ns + 5), 3);
/// // After 64 epochs, a slot is used again.
/// assert_eq!(loss_slot((LOSS_EPOCHS as u64 + 3) * epoch_ns), 3);
/// ```
#[inline(always)]
#[must_use]
pub const fn loss_slot(stamp_ns: u64) -> usize {
    (stamp_ns >> LOSS_EPOCH_SHIFT) as usize & (LOSS_EPOCHS - 1)
}

/// Returns the answer epoch slot of a request, by the time at which it passed.
#[inline(always)]
#[must_use]
pub const fn answer_slot(request_ns: u64) -> usize {
    (request_ns >> ANSWER_EPOCH_SHIFT) as usize & (ANSWER_EPOCHS - 1)
}
