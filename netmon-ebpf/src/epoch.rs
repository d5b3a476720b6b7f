//! Epochs: coarse slices of the monotonic clock, by which both ends of a link count the same packets.
//!
//! A packet belongs to the epoch of its departure stamp, at both ends, so that the counts of an epoch can
//! be compared once every packet of it has arrived or is lost (alternate marking, RFC 9341). A slot
//! accumulates over all epochs that share it and is never reset: the difference between the two ends is
//! what was lost in all of them.

/// Number of slots of the loss epochs.
pub const LOSS_EPOCHS: usize = 64;
/// A loss epoch lasts 2^27 ns = 134 ms.
pub const LOSS_EPOCH_SHIFT: u32 = 27;
/// Number of slots of the answer epochs.
pub const ANSWER_EPOCHS: usize = 16;
/// An answer epoch lasts 2^30 ns = 1.07 s.
pub const ANSWER_EPOCH_SHIFT: u32 = 30;

/// A request that is answered later than this is unanswered: five seconds.
pub const ANSWER_TIMEOUT_NS: u64 = 5_000_000_000;

/// The slot of a stamp among the loss epochs.
#[inline(always)]
#[must_use]
pub const fn loss_slot(stamp_ns: u64) -> usize {
    (stamp_ns >> LOSS_EPOCH_SHIFT) as usize & (LOSS_EPOCHS - 1)
}

/// The slot of a request's time among the answer epochs.
#[inline(always)]
#[must_use]
pub const fn answer_slot(request_ns: u64) -> usize {
    (request_ns >> ANSWER_EPOCH_SHIFT) as usize & (ANSWER_EPOCHS - 1)
}
