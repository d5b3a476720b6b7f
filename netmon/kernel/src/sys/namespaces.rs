//! The system calls behind network and mount namespaces: unshare(2), setns(2), `NS_GET_USERNS` and `SO_NETNS_COOKIE`.
//!
//! They change the calling thread only. On which thread they are called is decided in [`crate::netns`].
#![expect(unsafe_code, reason = "unshare, ioctl and getsockopt of a 64-bit cookie have no safe wrapper")]

use std::{
    io,
    mem::size_of,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// Moves the calling thread into a new network namespace, which has nothing but `lo`.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
pub fn unshare_network() -> io::Result<()> {
    // SAFETY: only CLONE_FILES makes unshare unsafe, since a descriptor would mean different files in different threads.
    // CLONE_NEWNET leaves the descriptor table shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}

/// Moves the calling thread into a copy of its mount namespace, which also gives it a root and a working directory of its
/// own. Mounts still propagate until they are made private or slave.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
pub fn unshare_mounts() -> io::Result<()> {
    // SAFETY: as above, CLONE_NEWNS leaves the descriptor table shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.map_err(io::Error::from)
}

/// Moves the calling thread into the network namespace that `namespace` refers to.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, EINVAL if it is not a network namespace.
pub fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network)).map_err(io::Error::from)
}

/// Returns the cookie of the network namespace in which a socket was opened. Unlike an inode number it is not reused while
/// the machine runs (Linux 5.14, `SO_NETNS_COOKIE`).
///
/// # Errors
///
/// The kernel's answer: ENOPROTOOPT before Linux 5.14.
pub fn netns_cookie(socket: impl AsFd) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: `cookie` and `length` live through the call, and `length` is the size of `cookie`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if answer == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// Returns a descriptor of the user namespace that owns `namespace` (ioctl_nsfs(2), Linux 4.9).
///
/// # Errors
///
/// The kernel's answer: EPERM if the caller is not in that user namespace, or in one above it.
pub fn owning_user_namespace(namespace: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: the request takes no argument, and the descriptor is open.
    let answer = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), libc::NS_GET_USERNS) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for the caller.
    Ok(unsafe { OwnedFd::from_raw_fd(answer) })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn two_sockets_in_one_namespace_have_the_same_cookie() {
        let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let cookie = netns_cookie(&one).unwrap();
        assert_ne!(cookie, 0);
        assert_eq!(cookie, netns_cookie(&two).unwrap());
    }
}
