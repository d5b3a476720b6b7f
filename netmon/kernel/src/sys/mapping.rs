//! The memory of an array map that was created with `BPF_F_MMAPABLE`, mapped for reading.
//!
//! eBPF programs write to it meanwhile. So it is never borrowed: values are copied word by word.
#![expect(unsafe_code, reason = "memory that the kernel writes to is read through raw pointers")]

use std::{io, os::fd::AsFd, ptr};

use aya::Pod;
use memmap2::{MmapOptions, MmapRaw};

/// A mapped array.
#[derive(Debug)]
pub struct Mapping {
    memory: MmapRaw,
}

impl Mapping {
    /// Maps the first `bytes` bytes of the values of `map`.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EINVAL or ENOTSUP for a map without `BPF_F_MMAPABLE`.
    pub fn new(map: impl AsFd, bytes: usize) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let memory = MmapOptions::new().len(bytes).map_raw_read_only(map.as_fd().as_raw_fd())?;
        Ok(Self { memory })
    }

    /// Returns a copy of the value at `index`. `None` if there is none.
    ///
    /// A program may write to the value while it is copied. Each word is read at one moment, but different words may be of
    /// different moments.
    #[must_use]
    pub fn get<T: Pod>(&self, index: usize) -> Option<T> {
        const WORD: usize = size_of::<u64>();
        let start = index.checked_mul(size_of::<T>())?;
        let within = start.checked_add(size_of::<T>())? <= self.memory.len();
        if !within || align_of::<T>() > WORD || !size_of::<T>().is_multiple_of(WORD) {
            return None;
        }
        let mut value = std::mem::MaybeUninit::<T>::uninit();
        for offset in (0..size_of::<T>()).step_by(WORD) {
            // SAFETY: the word lies within the mapping (checked above) and within the value. The mapping begins at a page
            // and every value is a whole number of words, so it is aligned. It is volatile because eBPF programs write to it.
            unsafe {
                let word = self.memory.as_ptr().add(start + offset).cast::<u64>().read_volatile();
                ptr::write_unaligned(value.as_mut_ptr().cast::<u8>().add(offset).cast::<u64>(), word);
            }
        }
        // SAFETY: every byte was written, and any bytes are a value of a `Pod`.
        Some(unsafe { value.assume_init() })
    }
}
