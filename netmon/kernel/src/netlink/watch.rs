//! The kernel's announcements of interfaces in one namespace that appeared, changed or were deleted.
//!
//! A watch reports that something happened, not the state: after [`LinkEvent::Lost`] the caller lists the interfaces
//! again.

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

/// A thousand interfaces that are deleted at once cause a burst of about this many bytes.
const RECEIVE_BUFFER: usize = 8 << 20;

/// An announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// An interface is new or has changed.
    Changed(IfIndex),
    /// An interface was deleted.
    Gone(IfIndex),
    /// An interface was moved to another namespace.
    Moved(IfIndex),
    /// The kernel dropped announcements that were not read in time.
    Lost,
}

impl LinkEvent {
    /// Returns the interface that the event is about; `None` if it may be any.
    #[must_use]
    pub fn subject(&self) -> Option<IfIndex> {
        match self {
            Self::Changed(index) | Self::Gone(index) | Self::Moved(index) => Some(*index),
            Self::Lost => None,
        }
    }
}

/// A subscription to the links of one namespace.
#[derive(Debug)]
pub struct LinkWatch {
    socket: Socket,
}

impl LinkWatch {
    /// Subscribes in the namespace of the calling thread, from now on.
    ///
    /// # Errors
    ///
    /// Fails if the kernel provides no socket.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // The kernel caps this at net.core.rmem_max. If the buffer overflows all the same, the reader gets `Lost`.
        let _ = socket.set_rx_buf_sz(RECEIVE_BUFFER);
        socket.bind_auto()?;
        socket.add_membership(MulticastGroup::Link as u32)?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket })
    }

    /// Waits for announcements, at most for `timeout`. Returns none if there were none.
    ///
    /// # Errors
    ///
    /// Fails if the socket cannot be read.
    pub fn next(&self, timeout: Duration) -> io::Result<Vec<LinkEvent>> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            other => other.map(|_| ())?,
        }
        let mut events = Vec::new();
        loop {
            match read(&self.socket) {
                Ok(messages) => events.extend(messages.into_iter().filter_map(|m| event(m.payload))),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(events),
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => events.push(LinkEvent::Lost),
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

pub(super) fn event(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<LinkEvent> {
    let NetlinkPayload::InnerMessage(message) = payload else { return None };
    let (link, is_deleted) = match message {
        RouteNetlinkMessage::NewLink(link) => (link, false),
        RouteNetlinkMessage::DelLink(link) => (link, true),
        _ => return None,
    };
    // A bridge announces its ports in the same group. A port that is removed from it is announced as deleted, but exists.
    if link.header.interface_family == AddressFamily::Bridge {
        return None;
    }
    let index = IfIndex(link.header.index);
    // An interface that is moved is announced as deleted, with the namespace that it was moved to.
    let is_moved = || link.attributes.iter().any(|one| matches!(one, LinkAttribute::NewNetnsId(_)));
    Some(match is_deleted {
        true if is_moved() => LinkEvent::Moved(index),
        true => LinkEvent::Gone(index),
        false => LinkEvent::Changed(index),
    })
}
