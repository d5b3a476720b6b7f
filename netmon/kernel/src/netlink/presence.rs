//! Whether an interface exists, by an ioctl that takes none of the kernel's locks.
//!
//! Announcements ([`super::watch`]) say more and cost more. A thousand links that are deleted at once cause thousands of
//! them, and the processor that deletes the links wakes the listener for each.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use netmon_model::names::{IfIndex, IfName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::index_to_name, socket_with};

/// Checks for interfaces of one namespace.
#[derive(Debug)]
pub struct Presence(OwnedFd);

impl Presence {
    /// Opens a socket in the namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// Fails if the kernel provides no socket.
    pub fn open() -> io::Result<Self> {
        Ok(Self(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?))
    }

    /// Returns whether the interface with this number exists and has this name. A free number may have been reused.
    #[must_use]
    pub fn has(&self, index: IfIndex, name: &IfName) -> bool {
        index_to_name(self.0.as_fd(), index.0).is_ok_and(|there| there == name.as_str())
    }
}
