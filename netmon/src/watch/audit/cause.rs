//! The explained part of a difference, by cause.

use netmon_model::audit::{CAUSES, Cause};
use serde::{Deserialize, Serialize};

use super::ledger::are_differences;

/// Explained packets by cause. A cause that has ever explained packets stays in the list, even with 0.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Explained([Option<i64>; CAUSES]);

impl Explained {
    pub(super) fn set(&mut self, cause: Cause, packets: i64) {
        let place = &mut self.0[cause as usize];
        if packets != 0 || place.is_some() {
            *place = Some(packets);
        }
    }

    pub(super) fn add(&mut self, cause: Cause, packets: i64) {
        self.set(cause, self.get(cause) + packets);
    }

    pub(super) fn get(&self, cause: Cause) -> i64 {
        self.0[cause as usize].unwrap_or(0)
    }

    /// Returns whether sums of these cannot overflow.
    pub(super) fn is_valid(&self) -> bool {
        are_differences(self.0.iter().flatten().copied())
    }

    pub(super) fn sum(&self) -> i64 {
        self.0.iter().flatten().sum()
    }

    pub(super) fn list(&self) -> Vec<(Cause, i64)> {
        Cause::ALL.into_iter().filter_map(|cause| Some((cause, self.0[cause as usize]?))).collect()
    }
}
