//! Blocking ICMP echoes, as ping sends them: over a raw socket, which works whatever `net.ipv4.ping_group_range` is.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketType, ipproto, recv, sendto, socket,
    sockopt::{Timeout, set_socket_timeout},
};

/// "nm": tells netmon's echoes from those of other programs.
const IDENTIFIER: u16 = u16::from_be_bytes(*b"nm");
/// Time for a reply.
const REPLY_TIME: Duration = Duration::from_secs(1);

/// Sends echoes to one address.
pub struct Pinger {
    socket: OwnedFd,
    to: IpAddr,
}

impl Pinger {
    /// Opens a socket in the calling thread's namespace.
    ///
    /// # Errors
    ///
    /// Fails with EPERM without `CAP_NET_RAW`, and with any other error of the kernel.
    pub fn open(to: IpAddr) -> io::Result<Self> {
        let socket = match to {
            IpAddr::V4(_) => socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))?,
            IpAddr::V6(_) => socket(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6))?,
        };
        set_socket_timeout(&socket, Timeout::Recv, Some(REPLY_TIME))?;
        Ok(Self { socket, to })
    }

    /// Sends one echo request and returns its round-trip time. Returns `None` if there was no reply within a second.
    ///
    /// # Errors
    ///
    /// Fails if the request cannot be sent, for example without a route.
    pub fn ping(&self, number: u16) -> io::Result<Option<Duration>> {
        let mark = (IDENTIFIER, number);
        let request = message(self.to, mark);
        let start = Instant::now();
        sendto(&self.socket, &request, SendFlags::empty(), &SocketAddr::new(self.to, 0))?;
        let mut buffer = [0_u8; 256];
        loop {
            let (length, _) = match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                received => received?,
            };
            let round_trip = start.elapsed();
            if is_reply(self.to, buffer.get(..length).unwrap_or(&buffer), mark) {
                return Ok(Some(round_trip));
            }
            // A raw socket also receives the messages of other programs, and each restarts the receive timeout.
            if round_trip > REPLY_TIME {
                return Ok(None);
            }
        }
    }
}

/// Builds an echo request with an identifier and a sequence number. The kernel adds the checksum of ICMPv6.
pub(super) fn message(to: IpAddr, mark: (u16, u16)) -> [u8; 64] {
    message_with(to, mark, &[])
}

/// Builds an echo request whose payload begins with `payload`, cut off after 56 bytes.
#[must_use]
pub fn message_with(to: IpAddr, (identifier, number): (u16, u16), payload: &[u8]) -> [u8; 64] {
    let mut message = [0; 64];
    message[0] = if to.is_ipv4() { 8 } else { 128 };
    message.iter_mut().skip(8).zip(payload).for_each(|(to, from)| *to = *from);
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
    message[6..8].copy_from_slice(&number.to_be_bytes());
    if to.is_ipv4() {
        let words = message.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let sum: u32 = words.sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    message
}

/// Returns whether `bytes` is the reply to an echo request. A raw IPv4 socket also delivers the IP header.
pub(super) fn is_reply(from: IpAddr, bytes: &[u8], (identifier, number): (u16, u16)) -> bool {
    let (kind, message) = match from {
        IpAddr::V4(_) => {
            let header = bytes.first().map_or(0, |first| usize::from(first & 0xf) * 4);
            (0, bytes.get(header..))
        }
        IpAddr::V6(_) => (129, Some(bytes)),
    };
    let Some([first, _, _, _, id0, id1, n0, n1, ..]) = message else { return false };
    *first == kind && [*id0, *id1] == identifier.to_be_bytes() && [*n0, *n1] == number.to_be_bytes()
}
