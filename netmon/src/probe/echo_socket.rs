//! Echoes without a thread that waits: a raw socket that is connected, so that the kernel gives it nothing but what
//! the other side sent, and filtered, so that it gives it no answer to somebody else.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
};

use netmon_kernel::sys::echo_filter::only_replies;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, connect, ipproto, socket_with};
use tokio::net::UdpSocket;

use super::echo::{is_answer, message};

/// Where echoes to one address are sent and answered.
pub(super) struct EchoSocket {
    /// A raw one: once it is connected, it is written to and read from just as one of UDP.
    socket: UdpSocket,
    to: IpAddr,
    /// Tells ours from others'.
    identifier: u16,
    number: u16,
}

/// Opens a socket in the calling thread's namespace.
pub(super) fn open(to: IpAddr, identifier: u16) -> io::Result<OwnedFd> {
    let (family, protocol): (_, Protocol) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))?;
    only_replies(&socket, to, identifier)?;
    connect(&socket, &SocketAddr::new(to, 0))?;
    Ok(socket)
}

impl EchoSocket {
    pub(super) fn new(socket: OwnedFd, to: IpAddr, identifier: u16) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, to, identifier, number: 0 })
    }

    /// Sends an echo and waits for its answer, for as long as it is polled.
    pub(super) async fn ask(&mut self) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let mark = (self.identifier, self.number);
        self.socket.send(&message(self.to, mark)).await?;
        let mut buffer = [0_u8; 256];
        loop {
            let length = self.socket.recv(&mut buffer).await?;
            if is_answer(self.to, buffer.get(..length).unwrap_or(&buffer), mark) {
                return Ok(());
            }
        }
    }
}
