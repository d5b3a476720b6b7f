//! Whether interfaces are there, asked one by one: by an ioctl, which waits for none of the kernel's locks.
//!
//! Announcements ([`super::watch`]) tell more, and cost more: of a thousand links that go at once there are thousands,
//! and whoever listens is woken for each by the very processor that takes them away.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use netmon_model::names::{IfIndex, IfName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::index_to_name, socket_with};

/// Looks at the interfaces of one namespace.
#[derive(Debug)]
pub struct Presence(OwnedFd);

impl Presence {
    /// Of the namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When the kernel gives no socket.
    pub fn open() -> io::Result<Self> {
        Ok(Self(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?))
    }

    /// Whether the interface of this number is there, and is called so: a number that was free may be another's by now.
    #[must_use]
    pub fn has(&self, index: IfIndex, name: &IfName) -> bool {
        index_to_name(self.0.as_fd(), index.0).is_ok_and(|there| there == name.as_str())
    }
}
