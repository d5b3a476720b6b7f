//! How much free memory the C library's allocator retains.
//!
//! It has an arena for each of many threads, and an arena retains what it once had. An agent that reads a thousand links,
//! each time on another thread, would hold several times what it needs. Only glibc is set; other libraries retain less.
#![expect(unsafe_code, reason = "the allocator's settings have no safe wrapper")]

/// Uses one arena for all threads: they share free memory, and sometimes wait for each other. Must be called before
/// threads are started.
pub fn share_one_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers and may be called at any time. If it refuses, the setting does not change.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Returns free pages to the kernel.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes the allocator's own locks and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
