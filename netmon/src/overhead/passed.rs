//! What passed the link by the kernel's own counters, which count with hooks and without.

use super::{OverheadError, link::End};

/// Packets that both ends sent so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed(u64);

impl Passed {
    pub(super) fn now(ends: &mut [End; 2]) -> Result<Self, OverheadError> {
        let mut packets = 0;
        for end in ends {
            packets += end.interface()?.stats.map_or(0, |stats| stats.tx_packets);
        }
        Ok(Self(packets))
    }

    pub(super) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
