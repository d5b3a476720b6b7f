//! Netlink messages written byte by byte, and a socket that sends one and waits for its answer: what a C program
//! does, without any library in between.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recv, send, socket_with,
    sockopt,
};

/// `linux/rtnetlink.h`, `linux/if_link.h`, `linux/veth.h`, `linux/if_addr.h`, `linux/netlink.h`.
pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_NEWADDR: u16 = 20;
pub(super) const RTM_NEWROUTE: u16 = 24;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_NET_NS_FD: u16 = 28;
pub(super) const IFLA_INFO_KIND: u16 = 1;
pub(super) const IFLA_INFO_DATA: u16 = 2;
pub(super) const VETH_INFO_PEER: u16 = 1;
pub(super) const IFA_ADDRESS: u16 = 1;
pub(super) const IFA_LOCAL: u16 = 2;
pub(super) const RTA_GATEWAY: u16 = 5;
pub(super) const CREATE_NEW: u16 = 0x400 | 0x200;
const NLMSG_ERROR: u16 = 2;
const REQUEST_WITH_ACK: u16 = 0x1 | 0x4;
const RTMGRP_LINK: u32 = 1;
const HEADER: usize = 16;
/// Room for the announcements between two reads: a thousand deleted interfaces.
const ANNOUNCEMENTS: usize = 64 << 20;

/// A request that is being written.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Begins a message with the fixed part that precedes the attributes.
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(REQUEST_WITH_ACK | flags).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        Self(bytes)
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Appends an attribute that contains attributes, behind a fixed part of its own.
    pub(super) fn with_nested(mut self, kind: u16, fixed: &[u8], inside: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        self.0.extend_from_slice(fixed);
        let mut whole = inside(self);
        let length = u16::try_from(whole.0.len() - start).unwrap_or(u16::MAX);
        whole.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        whole.0[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
        whole
    }

    fn finished(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

/// Returns `struct ifinfomsg`: the interface, and whether it is to be up.
pub(super) fn interface(index: u32, up: bool) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&u32::from(up).to_ne_bytes());
    fixed[12..16].copy_from_slice(&u32::from(up).to_ne_bytes());
    fixed
}

/// A socket in the calling thread's namespace.
pub(super) struct Socket(OwnedFd);

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        Self::open_for(0)
    }

    /// Opens a socket that receives every change of a link.
    pub(super) fn listening() -> io::Result<Self> {
        let socket = Self::open_for(RTMGRP_LINK)?;
        sockopt::set_socket_recv_buffer_size_force(&socket.0, ANNOUNCEMENTS)?;
        Ok(socket)
    }

    fn open_for(groups: u32) -> io::Result<Self> {
        // NETLINK_ROUTE is protocol 0, which is `None` in rustix.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &netlink::SocketAddrNetlink::new(0, groups))?;
        Ok(Self(socket))
    }

    /// Sends one request and waits for its answer.
    pub(super) fn ask(&self, message: Message) -> io::Result<()> {
        send(&self.0, &message.finished(), SendFlags::empty())?;
        let mut answer = [0; 4096];
        let (length, _) = recv(&self.0, &mut answer, RecvFlags::empty())?;
        let is_answer = length >= HEADER + 4 && word(&answer, 4) == NLMSG_ERROR;
        if !is_answer {
            return Err(io::Error::other("netlink answers something else"));
        }
        match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(-errno)),
        }
    }

    /// Returns how many deleted interfaces one read announces.
    pub(super) fn gone(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = recv(&self.0, &mut *buffer, RecvFlags::empty())?;
        let (mut at, mut gone) = (0, 0);
        while at + HEADER <= length {
            gone += usize::from(word(buffer, at + 4) == RTM_DELLINK);
            let size = u32::from_ne_bytes([buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]]);
            at += usize::try_from(size).unwrap_or(length).max(HEADER).next_multiple_of(4);
        }
        Ok(gone)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}
