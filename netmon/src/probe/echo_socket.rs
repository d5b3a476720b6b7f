//! ICMP echoes that do not block a thread.
//!
//! The raw socket is connected, so that the kernel delivers only what the target sent, and filtered, so that it
//! delivers no replies to other programs.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
};

use netmon_kernel::sys::echo_filter::only_replies;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, connect, ipproto, socket_with};
use tokio::net::UdpSocket;

use super::echo::{is_reply, message};

/// A socket for echoes to one address.
pub(super) struct EchoSocket {
    /// A raw socket. Once connected, it is written to and read from like a UDP socket.
    socket: UdpSocket,
    target: IpAddr,
    /// Tells these echoes from those of other programs.
    identifier: u16,
    number: u16,
}

/// Opens a socket in the calling thread's namespace.
pub(super) fn open(target: IpAddr, identifier: u16) -> io::Result<OwnedFd> {
    let (family, protocol): (_, Protocol) = match target {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))?;
    only_replies(&socket, target, identifier)?;
    connect(&socket, &SocketAddr::new(target, 0))?;
    Ok(socket)
}

impl EchoSocket {
    pub(super) fn new(socket: OwnedFd, target: IpAddr, identifier: u16) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, target, identifier, number: 0 })
    }

    /// Sends an echo request and waits for its reply, without a timeout.
    pub(super) async fn ping(&mut self) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let mark = (self.identifier, self.number);
        self.socket.send(&message(self.target, mark)).await?;
        let mut buffer = [0_u8; 256];
        loop {
            let length = self.socket.recv(&mut buffer).await?;
            if is_reply(self.target, buffer.get(..length).unwrap_or(&buffer), mark) {
                return Ok(());
            }
        }
    }
}
