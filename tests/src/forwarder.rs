//! A wire with a known delay: a frame that arrives on one interface of a namespace leaves through another later, or
//! never.
//!
//! Works without netem, which a kernel may lack; it needs packet sockets only. The delay counts from the time at
//! which the kernel received a frame, so a forwarder that wakes up late still sends in time; shortly before a frame
//! is due it does not sleep. Senders must not leave checksums or segmentation to an interface: no device does that
//! work here.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    hint,
    io::IoSliceMut,
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use netmon_kernel::{netns::NetNs, sys::packet_socket::PacketSocket};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt::ReceiveTimestampns,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{interface::ifindex, labs::valid};

/// The time before a frame is due in which the forwarder does not sleep.
const AWAKE: Duration = Duration::from_micros(1500);
/// The longest sleep: how often it checks whether it should end.
const ASLEEP: Duration = Duration::from_millis(20);
/// `PACKET_OUTGOING` (`linux/if_packet.h`): a frame that this host sends, as the forwarder does.
const OUTGOING: u8 = 4;
/// Longer than any frame of these interfaces.
const FRAME: usize = 16 * 1024;

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It leaves so long after it arrived.
    After(Duration),
    /// It never leaves.
    Lost,
}

/// A running forwarder; ends when it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A waiting frame: when it is due, how many came before it, the interface it came from, and its bytes.
type Waiting = Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Wire<F> {
    receiver: OwnedFd,
    /// Interface index, and the socket that sends through the other interface.
    across: BTreeMap<usize, PacketSocket>,
    fate: F,
    waiting: BinaryHeap<Waiting>,
    frames: u64,
}

impl Forwarder {
    /// Joins two interfaces of a namespace. `fate` is called for each frame, in the order of arrival.
    ///
    /// # Panics
    ///
    /// If the sockets cannot be opened.
    #[must_use]
    pub fn start<F>(namespace: &str, interfaces: [&str; 2], fate: F) -> Self
    where
        F: FnMut(&[u8]) -> Fate + Send + 'static,
    {
        let [left, right] = interfaces.map(|interface| ifindex(namespace, interface));
        let open = || {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let all = SockProtocol::EthAll;
            let receiver = socket(AddressFamily::Packet, SockType::Raw, flags, all).expect("a packet socket");
            setsockopt(&receiver, ReceiveTimestampns, &true).expect("SO_TIMESTAMPNS");
            let sender = |index| PacketSocket::open(index).expect("a packet socket");
            let across = BTreeMap::from([(left as usize, sender(right)), (right as usize, sender(left))]);
            (receiver, across)
        };
        let netns = NetNs::open(&valid(namespace)).expect("a namespace");
        let (receiver, across) = netns.run(open).expect("a thread in it");
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let mut wire = Wire { receiver, across, fate, waiting: BinaryHeap::new(), frames: 0 };
        let work = move || {
            while !ends.load(Ordering::Relaxed) {
                wire.work();
            }
        };
        Self { end, thread: Some(thread::spawn(work)) }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the forwarder panicked");
        }
    }
}

impl<F: FnMut(&[u8]) -> Fate> Wire<F> {
    /// Receives frames, sends those that are due, and waits a little.
    fn work(&mut self) {
        let mut buffer = [0; FRAME];
        while self.receive(&mut buffer) {}
        while self.waiting.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
            if let Some(Reverse((_, _, from, frame))) = self.waiting.pop() {
                // An end that is down loses the frame, as a wire would.
                let _ = self.across[&from].send(&frame);
            }
        }
        let until = self.waiting.peek().map_or(ASLEEP, |Reverse((due, ..))| {
            due.saturating_duration_since(Instant::now()).saturating_sub(AWAKE)
        });
        if until.is_zero() {
            return hint::spin_loop();
        }
        let bound = Timespec::try_from(until.min(ASLEEP)).expect("some milliseconds");
        // If interrupted, the next round continues.
        let _ = poll(&mut [PollFd::new(&self.receiver, PollFlags::IN)], Some(&bound));
    }

    /// Receives one frame, if there is one.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut buffers = [IoSliceMut::new(buffer)];
        let fd = self.receiver.as_raw_fd();
        let Ok(got) = recvmsg::<LinkAddr>(fd, &mut buffers, Some(&mut space), MsgFlags::empty()) else {
            return false;
        };
        let from = got.address.expect("a packet socket says where a frame came from");
        let now = Instant::now();
        let age = got.cmsgs().expect("room for it").find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(time) => Some(age(Duration::from(time))),
            _ => None,
        });
        let arrived = now.checked_sub(age.expect("a receive time")).unwrap_or(now);
        let length = got.bytes;
        if from.pkttype() == OUTGOING || !self.across.contains_key(&from.ifindex()) {
            return true;
        }
        let frame = &buffer[..length];
        if let Fate::After(delay) = (self.fate)(frame) {
            self.frames += 1;
            let waiting = (arrived + delay, self.frames, from.ifindex(), frame.to_vec());
            self.waiting.push(Reverse(waiting));
        }
        true
    }
}

/// How long ago a point in wall-clock time was.
fn age(then: Duration) -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH + then).unwrap_or_default()
}

/// A TCP segment over IPv4, as a forwarder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Flags.
    pub flags: u8,
    /// Payload.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Parses a frame. Returns `None` if it is not TCP over IPv4.
    #[must_use]
    pub fn of(frame: &'a [u8]) -> Option<Self> {
        let packet = frame.get(14..)?;
        if frame[12..14] != [8, 0] || packet.get(9) != Some(&6) {
            return None;
        }
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        let tcp = packet.get(usize::from(packet[0] & 15) * 4..total)?;
        let word = |at: usize| Some([*tcp.get(at)?, *tcp.get(at + 1)?]);
        let [a, b, c, d] = tcp.get(4..8)?.try_into().ok()?;
        Some(Self {
            destination: u16::from_be_bytes(word(2)?),
            sequence: u32::from_be_bytes([a, b, c, d]),
            flags: *tcp.get(13)?,
            payload: tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::{Ipv4, Tcp, flag, number, udp};

    #[test]
    fn a_segment_is_found_behind_options_and_before_padding() {
        let tcp = Tcp { sequence: 77, flags: flag::PSH, ..Tcp::default() };
        let mut frame =
            Ipv4 { options: vec![1; 8], ..Ipv4::default() }.frame(number::TCP, &tcp.segment(b"data"));
        frame.extend([0; 9]);
        let expected = Segment { destination: 80, sequence: 77, flags: flag::PSH, payload: b"data" };
        assert_eq!(Segment::of(&frame), Some(expected));
    }

    #[test]
    fn what_is_no_tcp_is_no_segment() {
        let frame = Ipv4::default().frame(number::UDP, &udp(1, 2, b"data"));
        assert_eq!(Segment::of(&frame), None);
        assert_eq!(Segment::of(&frame[..20]), None);
    }
}
