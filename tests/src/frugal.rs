//! An allocator that returns free memory to the kernel, for tests of leaks: then the size of a process is the memory
//! in use.
//!
//! Without it, malloc keeps an arena for each thread that ever allocated at the same time as another, with all its
//! holes, and some arenas fill late. This works for processes that a test starts; the free memory of the test's own
//! process stays there.

/// Environment of the process (mallopt(3)): one arena, and large blocks outside it.
pub const FRUGAL: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "32768"), ("MALLOC_TRIM_THRESHOLD_", "65536")];
