//! Loads over a veth by sockets of our own: a stream, datagrams, and a ping-pong.
//!
//! Each thread is pinned to a processor. If the scheduler chooses, a ping-pong takes five times as long in one run as
//! in the next.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Shutdown, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use netmon_kernel::netns::NetNs;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How long each load lasts.
pub(crate) const TIME: Duration = Duration::from_millis(200);
/// A datagram of a ping-pong is lost if it is not answered for this long.
const PATIENCE: Duration = Duration::from_secs(2);
/// With its headers, a frame of 64 bytes.
const SMALL: [u8; 22] = [0; 22];
/// Datagrams that are sent before the first is received: a socket's buffer holds them.
const TURN: u32 = 50;
/// The datagram that ends a ping-pong: shorter than the others.
const LAST: [u8; 1] = [0];
const CHUNK: usize = 1 << 20;

/// The other end: a namespace, and an address in it. Each load has a socket of its own there, so that it receives
/// nothing from an earlier load.
pub(crate) struct Peer {
    inside: NetNs,
    address: IpAddr,
    processors: Processors,
}

/// The processor of the end that begins, and that of the other; the same one if there is no other.
#[derive(Clone, Copy)]
struct Processors {
    here: usize,
    there: usize,
}

impl Processors {
    /// Chooses the first and the last that this process may use.
    fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("the processors that may be used")?;
        let mut ours = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let here = ours.next().context("no processor may be used")?;
        Ok(Self { here, there: ours.next_back().unwrap_or(here) })
    }
}

/// Keeps the calling thread on one processor from now on.
fn stay_on(processor: usize) -> Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only).with_context(|| format!("to stay on processor {processor}"))
}

impl Peer {
    pub(crate) fn new(inside: NetNs, address: IpAddr) -> Result<Self> {
        Ok(Self { inside, address, processors: Processors::choose()? })
    }

    fn datagram_socket(&self) -> Result<UdpSocket> {
        let socket = self.inside.run(|| UdpSocket::bind((self.address, 0)))??;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    }

    /// Returns the rate of one TCP stream in Gbit/s, until the last byte has been read.
    pub(crate) fn stream(&self) -> Result<f64> {
        let Processors { here, there } = self.processors;
        stay_on(here)?;
        let listener = self.inside.run(|| TcpListener::bind((self.address, 0)))??;
        thread::scope(|scope| {
            let reader = scope.spawn(|| stay_on(there).and_then(|()| read_all(&listener)));
            let mut stream = TcpStream::connect(listener.local_addr()?).context("the stream")?;
            let chunk = vec![0; CHUNK];
            let begun = Instant::now();
            while begun.elapsed() < TIME {
                stream.write_all(&chunk)?;
            }
            stream.shutdown(Shutdown::Write)?;
            let Ok(bytes) = reader.join() else { bail!("the reader panicked") };
            Ok(bytes? as f64 * 8.0 / begun.elapsed().as_secs_f64() / 1e9)
        })
    }

    /// Returns the rate of small datagrams in thousands a second. One thread sends and receives them in turn: no thread has
    /// to be woken, and nothing is dropped.
    pub(crate) fn datagrams(&self) -> Result<f64> {
        stay_on(self.processors.here)?;
        let (socket, other) = (UdpSocket::bind("0.0.0.0:0")?, self.datagram_socket()?);
        socket.connect(other.local_addr()?)?;
        let mut buffer = [0; SMALL.len()];
        let (begun, mut sent) = (Instant::now(), 0);
        while begun.elapsed() < TIME {
            for _ in 0..TURN {
                socket.send(&SMALL)?;
            }
            for _ in 0..TURN {
                other.recv(&mut buffer).context("a datagram")?;
            }
            sent += TURN;
        }
        Ok(f64::from(sent) / begun.elapsed().as_secs_f64() / 1000.0)
    }

    /// Returns the round trip of one datagram in microseconds, the median of one load: on one processor, or between two,
    /// which have to wake each other up.
    pub(crate) fn ping_pong(&self, between_two: bool) -> Result<f64> {
        let Processors { here, there } = self.processors;
        let there = if between_two { there } else { here };
        stay_on(here)?;
        let (socket, other) = (UdpSocket::bind("0.0.0.0:0")?, self.datagram_socket()?);
        socket.connect(other.local_addr()?)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        thread::scope(|scope| {
            let player = scope.spawn(|| stay_on(there).and_then(|()| play(&other)));
            let mut times_us = Vec::new();
            let begun = Instant::now();
            while begun.elapsed() < TIME {
                let served = Instant::now();
                socket.send(&SMALL)?;
                socket.recv(&mut [0; SMALL.len()]).context("a datagram of the ping-pong")?;
                times_us.push(served.elapsed().as_secs_f64() * 1e6);
            }
            socket.send(&LAST)?;
            match player.join() {
                Ok(played) => played?,
                Err(_) => bail!("the player panicked"),
            }
            times_us.sort_unstable_by(f64::total_cmp);
            Ok(times_us[times_us.len() / 2])
        })
    }
}

fn read_all(listener: &TcpListener) -> Result<u64> {
    let (mut stream, _) = listener.accept()?;
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

/// Sends each datagram back, until the one that ends the ping-pong.
fn play(socket: &UdpSocket) -> Result<()> {
    let mut buffer = [0; SMALL.len()];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).context("a datagram of the ping-pong")?;
        if length == LAST.len() {
            return Ok(());
        }
        socket.send_to(&buffer[..length], from)?;
    }
}
