//! The host's atomics as [`SharedHalfWords`].

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use netmon_ebpf::tcp::SharedHalfWords;

/// Access by atomic operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atomics;

impl SharedHalfWords for Atomics {
    fn load_u32(self, word: &AtomicU32) -> u32 {
        word.load(SeqCst)
    }

    fn store_u32(self, word: &AtomicU32, new: u32) {
        word.store(new, SeqCst);
    }

    fn compare_exchange_u32(self, word: &AtomicU32, old: u32, new: u32) -> bool {
        word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }
}
