//! Access to words that programs on several CPUs share: plain loads and stores, which are atomic for an aligned
//! word, and the kernel's compare-and-exchange (`BPF_CMPXCHG`, Linux 5.12).

use core::{arch::asm, sync::atomic::AtomicU64};

use netmon_ebpf::{
    tag::SharedWords,
    tcp::{Half, SharedHalfWords},
    udp::SharedCounts,
};

/// Access by eBPF instructions.
#[derive(Clone, Copy)]
pub(super) struct Instructions;

impl SharedWords for Instructions {
    #[inline(always)]
    fn load(self, word: &AtomicU64) -> u64 {
        // SAFETY: the word is aligned, and lives as long as the reference. Volatile, so that it is loaded once.
        unsafe { word.as_ptr().read_volatile() }
    }

    #[inline(always)]
    fn store(self, word: &AtomicU64, new: u64) {
        // SAFETY: as above.
        unsafe { word.as_ptr().write_volatile(new) }
    }

    #[inline(always)]
    fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool {
        let seen: u64;
        // SAFETY: the instruction writes to nothing but the word, which is aligned. It takes the expected value in
        // r0, and leaves the value that it found there.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({word} + 0, r0, {new})",
                word = in(reg) word.as_ptr(),
                new = in(reg) new,
                inout("r0") old => seen,
            );
        }
        seen == old
    }

    #[inline(always)]
    fn obscured(self, number: u64, unknown: u64) -> u64 {
        self.opaque(number ^ unknown) ^ unknown
    }
}

impl SharedCounts for Instructions {
    #[inline(always)]
    fn add(self, count: &AtomicU64, number: u64) {
        // SAFETY: the instruction writes to nothing but the count, which is aligned.
        unsafe {
            asm!(
                "lock *(u64 *)({count} + 0) += {number}",
                count = in(reg) count.as_ptr(),
                number = in(reg) number,
            );
        }
    }
}

impl SharedHalfWords for Instructions {
    #[inline(always)]
    fn load_u32(self, word: &Half) -> u32 {
        // SAFETY: as in `load`.
        unsafe { word.as_ptr().read_volatile() }
    }

    #[inline(always)]
    fn store_u32(self, word: &Half, new: u32) {
        // SAFETY: as in `load`.
        unsafe { word.as_ptr().write_volatile(new) }
    }

    #[inline(always)]
    fn compare_exchange_u32(self, word: &Half, old: u32, new: u32) -> bool {
        let seen: u64;
        // The assembler accepts the mnemonic for words of 32 bits only together with version 3 of the instruction set,
        // which ADR 0012 avoids. The instruction itself is as old as the other one (Linux 5.12):
        // BPF_STX | BPF_ATOMIC | BPF_W, source r2, destination r1, BPF_CMPXCHG.
        // SAFETY: as in `compare_exchange`. The instruction compares the low half of r0.
        unsafe {
            asm!(
                ".byte 0xc3, 0x21, 0x00, 0x00, 0xf1, 0x00, 0x00, 0x00",
                in("r1") word.as_ptr(),
                in("r2") u64::from(new),
                inout("r0") u64::from(old) => seen,
            );
        }
        seen as u32 == old
    }
    #[inline(always)]
    fn opaque(self, mut number: u64) -> u64 {
        // Not nothing: the kernel refuses line numbers of two instructions at one place.
        // SAFETY: the instruction copies the register to itself.
        unsafe { asm!("{number} = {number}", number = inout(reg) number) };
        number
    }
}
