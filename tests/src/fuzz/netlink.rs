//! What the kernel sends over rtnetlink. Names and aliases in it are chosen by other programs.

/// Reads bytes as one read of a socket.
pub(super) fn read(bytes: &[u8]) -> bool {
    netmon_kernel::netlink::fuzz::reply(bytes).is_some_and(|found| found > 0)
}
