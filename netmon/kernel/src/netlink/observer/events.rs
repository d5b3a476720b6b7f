//! What happens in every numbered namespace, over one socket.
//!
//! An event says that something happened, not what is now: in events the numbers of peers are those of the namespace where
//! it happened, so the listener asks again. Only the bytes that say where are read.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use netmon_model::names::IfIndex;
use rtnetlink::{
    MulticastGroup,
    sys::{Socket, protocols::NETLINK_ROUTE},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::sockopt::set_socket_recv_buffer_size_force,
};

use super::{
    super::{
        NetlinkError,
        raw::{RawMessage, attributes, messages, word},
    },
    Nsid,
    interface::{INDEX_AT, LINK_HEADER, RTM_NEWLINK},
};
use crate::sys::netlink_nsid;

/// Numbers of `linux/rtnetlink.h`, `linux/net_namespace.h` and `linux/if_link.h`.
const RTM_DELLINK: u16 = 17;
const RTM_NEWNSID: u16 = 88;
const RTM_DELNSID: u16 = 89;
const RTNLGRP_NSID: u32 = 28;
const NETNSA_NSID: u16 = 1;
const NSID_HEADER: usize = 4;
const IFLA_NEW_NETNSID: u16 = 45;
const AF_BRIDGE: u8 = 7;
/// The kernel doubles it: room for 7,000 events of 2.3 kB.
const RECEIVE_BUFFER: usize = 8 << 20;
/// An event has 1.5 kB. One of a device with many virtual functions may have more; its beginning is enough.
const DATAGRAM: usize = 16 << 10;

/// Something happened in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceEvent {
    /// An interface appeared, changed or left.
    Link {
        /// Its namespace.
        netns: Nsid,
        /// Its number there.
        ifindex: IfIndex,
        /// What happened to it.
        change: LinkChange,
    },
    /// A namespace got a number.
    Numbered(Nsid),
    /// A namespace has ended. Its number may be another's from now on.
    Ended(Nsid),
    /// Events were lost: anything may have happened.
    Lost,
}

/// What happened to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It is new, or something of it is.
    Changed,
    /// It was deleted.
    Deleted,
    /// It was moved to another namespace.
    Moved,
}

/// A subscription to the links of all numbered namespaces, and to the numbers themselves.
#[derive(Debug)]
pub struct NamespaceEvents {
    socket: Socket,
}

impl NamespaceEvents {
    /// Subscribes, from now on, to what the calling thread's namespace has numbers for.
    pub(super) fn open() -> Result<Self, NetlinkError> {
        let failed = |what: &'static str| move |e: io::Error| NetlinkError::new(what, e);
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed("open a netlink socket"))?;
        set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)
            .map_err(|e| failed("enlarge the buffer of a netlink socket (needs CAP_NET_ADMIN)")(e.into()))?;
        socket.bind_auto().map_err(failed("bind a netlink socket"))?;
        socket
            .set_listen_all_namespaces(true)
            .map_err(failed("listen to all namespaces (needs CAP_NET_BROADCAST)"))?;
        for group in [MulticastGroup::Link as u32, RTNLGRP_NSID] {
            socket.add_membership(group).map_err(failed("subscribe to links of all namespaces"))?;
        }
        socket.set_non_blocking(true).map_err(failed("make a netlink socket non-blocking"))?;
        Ok(Self { socket })
    }

    /// Waits for events, at most for `timeout`, and returns all that have arrived. Returns none after the timeout.
    ///
    /// # Errors
    ///
    /// Fails if the socket cannot be read.
    pub fn next(&self, timeout: Duration) -> io::Result<Vec<NamespaceEvent>> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => self.read(),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self) -> io::Result<Vec<NamespaceEvent>> {
        let (mut buffer, mut events) = (vec![0; DATAGRAM], Vec::new());
        loop {
            match netlink_nsid::receive(&self.socket, &mut buffer) {
                Ok((length, netns)) => {
                    let whole = &buffer[..length.min(DATAGRAM)];
                    events.extend(messages(whole).filter_map(|message| event(message, netns.map(Nsid))));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(events),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    events.push(NamespaceEvent::Lost);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for NamespaceEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads an event that comes from `netns`; `None` for the observer's own namespace.
fn event(message: RawMessage<'_>, netns: Option<Nsid>) -> Option<NamespaceEvent> {
    match message.kind {
        RTM_NEWLINK | RTM_DELLINK => link(message, netns?),
        // The tables of other namespaces are announced, too, with the number of the namespace whose table it is.
        RTM_NEWNSID | RTM_DELNSID if netns.is_none() => {
            let attributes = message.body.get(NSID_HEADER..)?;
            let (_, value) = raw_attribute(attributes, NETNSA_NSID)?;
            let nsid = Nsid(word(value, 0)?.cast_signed());
            Some(match message.kind {
                RTM_NEWNSID => NamespaceEvent::Numbered(nsid),
                _ => NamespaceEvent::Ended(nsid),
            })
        }
        _ => None,
    }
}

fn link(message: RawMessage<'_>, netns: Nsid) -> Option<NamespaceEvent> {
    // A bridge announces its ports in the same group. A port that leaves it is announced as deleted, and exists.
    if *message.body.first()? == AF_BRIDGE {
        return None;
    }
    let ifindex = IfIndex(word(message.body, INDEX_AT)?);
    let is_moved = || raw_attribute(message.body.get(LINK_HEADER..)?, IFLA_NEW_NETNSID);
    let change = match message.kind {
        RTM_NEWLINK => LinkChange::Changed,
        _ if is_moved().is_some() => LinkChange::Moved,
        _ => LinkChange::Deleted,
    };
    Some(NamespaceEvent::Link { netns, ifindex, change })
}

fn raw_attribute(bytes: &[u8], wanted: u16) -> Option<(u16, &[u8])> {
    attributes(bytes).find(|(kind, _)| *kind == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }

    fn of_link(kind: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
        let mut body = vec![0; LINK_HEADER];
        body[0] = family;
        body[INDEX_AT] = 4;
        body.extend(attributes);
        message(kind, &body)
    }

    fn read(bytes: &[u8], netns: Option<i32>) -> Vec<NamespaceEvent> {
        messages(bytes).filter_map(|message| event(message, netns.map(Nsid))).collect()
    }

    fn link_event(change: LinkChange) -> NamespaceEvent {
        NamespaceEvent::Link { netns: Nsid(3), ifindex: IfIndex(4), change }
    }

    #[test]
    fn links_appear_move_and_are_deleted_in_the_namespace_of_the_control_message() {
        let moved = [8, 0, 45, 0, 1, 0, 0, 0];
        let bytes = [of_link(16, 0, &[]), of_link(17, 0, &moved), of_link(17, 0, &[])].concat();
        let changes = [LinkChange::Changed, LinkChange::Moved, LinkChange::Deleted];
        assert_eq!(read(&bytes, Some(3)), changes.map(link_event));
    }

    #[test]
    fn events_of_the_observers_own_links_and_of_bridge_ports_are_left_out() {
        assert_eq!(read(&of_link(16, 0, &[]), None), []);
        assert_eq!(read(&of_link(17, AF_BRIDGE, &[]), Some(3)), []);
    }

    #[test]
    fn only_numbers_of_the_observers_own_table_count() {
        let numbered = |kind| message(kind, &[0, 0, 0, 0, 8, 0, 1, 0, 6, 0, 0, 0]);
        assert_eq!(read(&numbered(88), None), [NamespaceEvent::Numbered(Nsid(6))]);
        assert_eq!(read(&numbered(89), None), [NamespaceEvent::Ended(Nsid(6))]);
        assert_eq!(read(&numbered(89), Some(2)), [], "the table of another namespace");
    }
}
