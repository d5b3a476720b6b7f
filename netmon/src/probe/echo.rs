//! Echoes, as ping has them: over a raw socket, so that no process' group has to be allowed to.

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

/// "nm", to know our own by.
const IDENTIFIER: u16 = u16::from_be_bytes(*b"nm");
/// How long an answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A raw socket of one family.
pub struct Pinger {
    socket: OwnedFd,
    to: IpAddr,
}

impl Pinger {
    /// A socket in the calling thread's namespace.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EPERM without `CAP_NET_RAW`.
    pub fn open(to: IpAddr) -> io::Result<Self> {
        let socket = match to {
            IpAddr::V4(_) => socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))?,
            IpAddr::V6(_) => socket(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6))?,
        };
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIME))?;
        Ok(Self { socket, to })
    }

    /// One echo, and how long it took; none when there was no answer within a second.
    ///
    /// # Errors
    ///
    /// When it cannot be sent: no route, for example.
    pub fn ask(&self, number: u16) -> io::Result<Option<Duration>> {
        let mark = (IDENTIFIER, number);
        let request = message(self.to, mark);
        let begun = Instant::now();
        sendto(&self.socket, &request, SendFlags::empty(), &SocketAddr::new(self.to, 0))?;
        let mut buffer = [0_u8; 256];
        loop {
            let (length, _) = match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                received => received?,
            };
            let took = begun.elapsed();
            if is_answer(self.to, buffer.get(..length).unwrap_or(&buffer), mark) {
                return Ok(Some(took));
            }
            // Others' messages arrive here as well, and each begins the wait anew.
            if took > ANSWER_TIME {
                return Ok(None);
            }
        }
    }
}

/// An echo request with its identifier and number. The kernel fills in the checksum of ICMPv6.
pub(super) fn message(to: IpAddr, (identifier, number): (u16, u16)) -> [u8; 64] {
    let mut message = [0; 64];
    message[0] = if to.is_ipv4() { 8 } else { 128 };
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

/// A raw socket of IPv4 shows the IP header too.
pub(super) fn is_answer(from: IpAddr, bytes: &[u8], (identifier, number): (u16, u16)) -> bool {
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
