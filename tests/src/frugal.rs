//! An allocator that gives back what is free, for tests of leaks: then memory in use is what is seen of a process.
//!
//! Without it, an arena is kept for each thread that ever allocated beside another, with whatever holes it has, and some
//! fill late. It is for processes that a test starts; what is free in the test's own process stays there.

/// Variables for the process (mallopt(3)): one arena, and large pieces apart from it.
pub const FRUGAL: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "32768"), ("MALLOC_TRIM_THRESHOLD_", "65536")];
