//! The host's atomics as shared words.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use netmon_ebpf::{tag::SharedWords, tcp::SharedHalfWords};

/// Access by atomic operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atomics;

impl SharedWords for Atomics {
    fn load(self, word: &AtomicU64) -> u64 {
        word.load(SeqCst)
    }

    fn store(self, word: &AtomicU64, new: u64) {
        word.store(new, SeqCst);
    }

    fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool {
        word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }
}

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
