//! Packet sockets (packet(7)), which send any frame unchanged.
//!
//! They are for known traffic only and receive nothing.
#![expect(unsafe_code, reason = "sockaddr_ll has no safe wrapper")]

use std::{
    io,
    mem::{MaybeUninit, size_of},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, TxTimeFlags, sendmsg, sockopt::set_txtime},
    time::ClockId,
};

/// A socket that sends frames through one interface.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens a socket for the interface with this number in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EPERM without `CAP_NET_RAW`, ENODEV without such an interface.
    pub fn open(ifindex: u32) -> io::Result<Self> {
        // SAFETY: no pointers. With protocol zero no frame is delivered to the socket.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just returned this descriptor, and nothing else refers to it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as libc::sa_family_t,
            sll_protocol: 0,
            sll_ifindex: ifindex.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives through the call, and its size is given.
        let answer = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        if answer == 0 { Ok(Self(socket)) } else { Err(io::Error::last_os_error()) }
    }

    /// Makes later frames bypass the egress hook and the queue (`PACKET_QDISC_BYPASS`).
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn bypass_qdisc(&self) -> io::Result<()> {
        let yes: libc::c_int = 1;
        let length = size_of::<libc::c_int>() as libc::socklen_t;
        let option = libc::PACKET_QDISC_BYPASS;
        // SAFETY: the value lives through the call, and its size is given.
        let answer = unsafe {
            libc::setsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, option, (&raw const yes).cast(), length)
        };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Allows [`Self::send_at`] (`SO_TXTIME`, with the monotonic clock).
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn take_delivery_times(&self) -> io::Result<()> {
        Ok(set_txtime(&self.0, ClockId::Monotonic, TxTimeFlags::empty())?)
    }

    /// Sends one frame with a delivery time, monotonic nanoseconds, as programs for precise timing do.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub fn send_at(&self, frame: &[u8], time_ns: u64) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(TxTime(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::TxTime(time_ns));
        let sent = sendmsg(&self.0, &[io::IoSlice::new(frame)], &mut control, SendFlags::empty());
        sent.map(drop).map_err(io::Error::from)
    }

    /// Sends one frame, link-layer header included.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EMSGSIZE if the frame is longer than the MTU allows, ENETDOWN if the interface is down.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.0, frame, SendFlags::empty()).map(drop).map_err(io::Error::from)
    }
}
