//! The kernel's announcements: which interfaces of a namespace appeared, changed or went away.
//!
//! A watch says that something happened, not how things are: whoever misses one ([`Seen::Lost`]) reads the
//! list again.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use netmon_model::names::IfIndex;
use rtnetlink::{
    MulticastGroup,
    packet_core::NetlinkPayload,
    packet_route::{AddressFamily, RouteNetlinkMessage, link::LinkAttribute},
    sys::{Socket, protocols::NETLINK_ROUTE},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::socket::read;

/// A thousand interfaces that go away at once are a burst of about this many bytes.
const RECEIVE_BUFFER: usize = 8 << 20;

/// What was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An interface is new, or has changed.
    Changed(IfIndex),
    /// An interface went away.
    Gone(IfIndex),
    /// An interface went to another namespace.
    Moved(IfIndex),
    /// Announcements were dropped, since nobody read them in time.
    Lost,
}

/// A subscription to the links of one namespace.
#[derive(Debug)]
pub struct LinkWatch {
    socket: Socket,
}

impl LinkWatch {
    /// Watches the namespace of the calling thread, from now on.
    ///
    /// # Errors
    ///
    /// When the kernel gives no socket.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // Refused beyond net.core.rmem_max; then the default serves, and `Lost` says when it did not.
        let _ = socket.set_rx_buf_sz(RECEIVE_BUFFER);
        socket.bind_auto()?;
        socket.add_membership(MulticastGroup::Link as u32)?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// Waits for announcements, `timeout` at the most. Empty: nothing was announced.
    ///
    /// # Errors
    ///
    /// When the socket is broken.
    pub fn next(&self, timeout: Duration) -> io::Result<Vec<Seen>> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            other => other.map(|_| ())?,
        }
        let mut seen = Vec::new();
        loop {
            match read(&self.socket) {
                Ok(messages) => seen.extend(messages.into_iter().filter_map(|m| announced(m.payload))),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(seen),
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => seen.push(Seen::Lost),
                Err(e) => return Err(e),
            }
        }
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn announced(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Seen> {
    let NetlinkPayload::InnerMessage(message) = payload else { return None };
    let (link, gone) = match message {
        RouteNetlinkMessage::NewLink(link) => (link, false),
        RouteNetlinkMessage::DelLink(link) => (link, true),
        _ => return None,
    };
    // A bridge announces ports of its own in the same group: one that is taken off it is "gone", and stands.
    if link.header.interface_family == AddressFamily::Bridge {
        return None;
    }
    let index = IfIndex(link.header.index);
    // One that moves is announced as gone, too, and where it went is said beside it.
    let moved = || link.attributes.iter().any(|one| matches!(one, LinkAttribute::NewNetnsId(_)));
    Some(match gone {
        true if moved() => Seen::Moved(index),
        true => Seen::Gone(index),
        false => Seen::Changed(index),
    })
}
