//! Packets on the link by the kernel's own counters, which also count while the hooks are detached.

use super::{OverheadError, link::End};

/// Packets that both ends have sent since their interfaces were created.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelPackets(u64);

impl KernelPackets {
    pub(super) fn read(ends: &mut [End; 2]) -> Result<Self, OverheadError> {
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
