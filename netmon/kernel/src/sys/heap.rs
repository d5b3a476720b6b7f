//! What the C library's allocator keeps of the memory that is free.
//!
//! It has an arena for each of many threads, and each keeps what it once had: an agent that reads a thousand links, now on
//! this thread and now on that, would hold several times what it needs. Only glibc is told; others do not keep as much.
#![expect(unsafe_code, reason = "the allocator's settings have no safe wrapper")]

/// One arena for all threads: they share what is free, and now and then wait for each other. To be said before there are
/// threads.
pub fn share_one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers, and may be called at any time; a setting that it refuses stays as it was.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives whole pages that are free back to the kernel.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes the allocator's own locks, and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}
