//! The load: small UDP datagrams between the two ends, sent and received by one thread.
//!
//! A veth pair delivers within the system call that sends. With one thread for both sides, a round trip is the path over
//! the link alone, without the wake-up of a second thread.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use netmon_model::names::LinkName;

use super::{OverheadError, link::End, statistics::Spread};

/// Bytes of each datagram: 64 with the headers of UDP, IPv4 and Ethernet, the size of the smallest frame.
const PAYLOAD: usize = 22;
/// A datagram that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// Datagrams that are sent before the first is received: far fewer than a socket's buffer holds.
const BURST: u64 = 32;
/// Round trips to try before giving up: the first datagram may wait for neighbour discovery.
const ATTEMPTS: usize = 4;

/// The measurements of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Median round trip, nanoseconds.
    pub round_trip_ns: f64,
    /// Datagrams that arrived per second: the median of short bursts.
    pub packets_per_second: f64,
    /// Datagrams that were sent, in both directions.
    pub sent: u64,
    /// Datagrams that did not arrive.
    pub lost: u64,
}

/// A socket at each end, connected to each other.
#[derive(Debug)]
pub struct Load {
    a: UdpSocket,
    b: UdpSocket,
    number: u64,
    sent: u64,
    lost: u64,
}

impl Load {
    /// Opens the sockets and waits for the first round trip.
    ///
    /// # Errors
    ///
    /// Fails if a socket cannot be set up, or the ends do not reach each other.
    pub fn open(link: &LinkName, ends: &[End; 2], addresses: [SocketAddr; 2]) -> Result<Self, OverheadError> {
        let socket = |end: &End, address: SocketAddr| -> Result<UdpSocket, OverheadError> {
            let socket = end
                .endpoint
                .netns
                .run(|| UdpSocket::bind(address))?
                .map_err(|source| OverheadError::Socket("create a socket", source))?;
            socket
                .set_read_timeout(Some(PATIENCE))
                .map_err(|source| OverheadError::Socket("set up a socket", source))?;
            Ok(socket)
        };
        let (a, b) = (socket(&ends[0], addresses[0])?, socket(&ends[1], addresses[1])?);
        let mut load = Self { a, b, number: 0, sent: 0, lost: 0 };
        let (from, to) =
            load.connect(ends).map_err(|source| OverheadError::Socket("connect a socket", source))?;
        for _ in 0..ATTEMPTS {
            if load.round_trip()?.is_some() {
                return Ok(load);
            }
        }
        Err(OverheadError::Silent { link: link.clone(), from, to })
    }

    fn connect(&self, ends: &[End; 2]) -> io::Result<(SocketAddr, SocketAddr)> {
        let (a, b) = (self.a.local_addr()?, self.b.local_addr()?);
        // The scope of a link-local address is the interface of the socket that uses it.
        let seen_from = |mut address: SocketAddr, end: &End| {
            if let SocketAddr::V6(v6) = &mut address
                && v6.scope_id() != 0
            {
                v6.set_scope_id(end.endpoint.ifindex.0);
            }
            address
        };
        self.a.connect(seen_from(b, &ends[0]))?;
        self.b.connect(seen_from(a, &ends[1]))?;
        Ok((a, b))
    }

    /// Makes round trips for `time`, then sends bursts for `time`.
    ///
    /// # Errors
    ///
    /// Fails if a socket fails. Lost datagrams are no error.
    pub fn run(&mut self, time: Duration) -> Result<Run, OverheadError> {
        let before = (self.sent, self.lost);
        let mut round_trips = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < time {
            round_trips.extend(self.round_trip()?);
        }
        let (mut rates, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < time {
            rates.extend(self.burst()?);
        }
        Ok(Run {
            round_trip_ns: Spread::from_values(round_trips).median,
            packets_per_second: Spread::from_values(rates).median,
            sent: self.sent - before.0,
            lost: self.lost - before.1,
        })
    }

    /// Returns the number of datagrams sent so far, including those of [`Self::open`].
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends one datagram in each direction. Returns nanoseconds, or `None` if one was lost.
    #[expect(clippy::cast_precision_loss, reason = "half a second is far below 2^53 ns")]
    fn round_trip(&mut self) -> Result<Option<f64>, OverheadError> {
        let number = self.next();
        let begun = Instant::now();
        send(&self.a, number)?;
        self.sent += 1;
        if !receive(&self.b, number)? {
            self.lost += 1;
            return Ok(None);
        }
        send(&self.b, number)?;
        self.sent += 1;
        if !receive(&self.a, number)? {
            self.lost += 1;
            return Ok(None);
        }
        Ok(Some(begun.elapsed().as_nanos() as f64))
    }

    /// Sends a burst from a and receives all of it at b. Returns datagrams per second, or `None` if one was lost.
    #[expect(clippy::cast_precision_loss, reason = "a burst is a few datagrams")]
    fn burst(&mut self) -> Result<Option<f64>, OverheadError> {
        let first = self.next();
        for _ in 1..BURST {
            self.next();
        }
        let begun = Instant::now();
        for number in first..first + BURST {
            send(&self.a, number)?;
        }
        self.sent += BURST;
        for number in first..first + BURST {
            if !receive(&self.b, number)? {
                // Waiting for the lost datagram has consumed those behind it.
                self.lost += first + BURST - number;
                return Ok(None);
            }
        }
        Ok(Some(BURST as f64 / begun.elapsed().as_secs_f64()))
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

fn send(socket: &UdpSocket, number: u64) -> Result<(), OverheadError> {
    let mut payload = [0; PAYLOAD];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    match socket.send(&payload) {
        // ENOBUFS: a full queue dropped it, which the receiver notices. ECONNREFUSED: the error of an earlier datagram.
        Err(error) if !is_loss(&error) => Err(OverheadError::Socket("send", error)),
        _ => Ok(()),
    }
}

fn is_loss(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS) || error.kind() == io::ErrorKind::ConnectionRefused
}

/// Receives the datagram with this number, ignoring older ones. Returns whether it arrived.
fn receive(socket: &UdpSocket, number: u64) -> Result<bool, OverheadError> {
    let mut payload = [0; PAYLOAD];
    loop {
        match socket.recv(&mut payload) {
            Ok(PAYLOAD) if payload[..8] == number.to_be_bytes() => return Ok(true),
            Ok(_) => {}
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind()) => {
                return Ok(false);
            }
            Err(error) if is_loss(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(OverheadError::Socket("receive", error)),
        }
    }
}
