//! The reference: what a minimal program with raw netlink needs for such a lab, with one request after the other on one
//! thread. It sets no marks, records no state, does not read the host first, and undoes nothing.
//!
//! For each namespace: unshare(2), lo up, and a name in /run/netns (an empty file with the namespace mounted over it).
//! Then a veth pair, each end created in its own namespace (`IFLA_NET_NS_FD`, with explicit ifindexes), with root's end
//! up; an address at each end; the other end up; and a default route.

use std::{
    fs::{self, File},
    io,
    net::Ipv4Addr,
    os::fd::AsRawFd as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use netmon_kernel::sys::namespaces::unshare_network;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    mount::{UnmountFlags, mount_bind, unmount},
    net::{AddressFamily, SocketFlags, SocketType, netdevice::name_to_index, socket_with},
    thread::nanosleep,
};

use super::message::{
    CREATE_NEW, IFA_ADDRESS, IFA_LOCAL, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO,
    IFLA_NET_NS_FD, Message, RTA_GATEWAY, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWROUTE, Socket, VETH_INFO_PEER,
    interface,
};
use super::processor;

const LO: u32 = 1;
/// Ifindexes that are free. Those of root's ends are consecutive; each other end is alone in its namespace.
const ROOT_INDEX: u32 = 100_000;
const INSIDE_INDEX: u32 = 100;
/// How long deleted links may take to disappear.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };
const MOST_TIME: Duration = Duration::from_secs(20);
/// Pause between two polls.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// How long building took, by part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) namespaces: Duration,
    pub(super) links: Duration,
    pub(super) rest: Duration,
    /// Processor time of all of it.
    pub(super) processor: Duration,
}

impl Parts {
    pub(super) fn total(self) -> Duration {
        self.namespaces + self.links + self.rest
    }
}

/// A namespace that was created.
struct Made {
    file: File,
    socket: Socket,
}

pub(super) fn name_of(number: u32) -> String {
    format!("r{number}")
}

/// The name of root's end.
pub(super) fn interface_of(number: u32) -> String {
    format!("r{number}")
}

/// The addresses of both ends: root's, and the one inside.
pub(super) fn addresses_of(number: u32) -> [Ipv4Addr; 2] {
    let network = u32::from(Ipv4Addr::new(10, 206, 0, 0)) + 4 * number;
    [Ipv4Addr::from(network + 1), Ipv4Addr::from(network + 2)]
}

/// Builds the lab, on a thread of its own: unshare(2) moves the calling thread to the new namespace.
pub(super) fn up(count: u32) -> Result<Parts> {
    let root = Socket::open()?;
    let build = || -> Result<Parts> {
        let (begun, processor) = (Instant::now(), processor::of_this_thread()?);
        let made = (0..count).map(namespace).collect::<io::Result<Vec<Made>>>().context("a namespace")?;
        let namespaces = begun.elapsed();
        for (made, number) in made.iter().zip(0..) {
            veth(&root, made, number).context("a veth pair")?;
        }
        let links = begun.elapsed() - namespaces;
        for (made, number) in made.iter().zip(0..) {
            address_and_up(&root, made, number).context("an address, setting up or a route")?;
        }
        let rest = begun.elapsed() - namespaces - links;
        Ok(Parts { namespaces, links, rest, processor: processor::of_this_thread()? - processor })
    };
    thread::scope(|scope| scope.spawn(build).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn namespace(number: u32) -> io::Result<Made> {
    unshare_network()?;
    let file = File::open("/proc/thread-self/ns/net")?;
    let socket = Socket::open()?;
    socket.ask(Message::new(RTM_NEWLINK, 0, &interface(LO, true)))?;
    let path = path_of(number);
    File::create_new(&path)?;
    mount_bind(format!("/proc/thread-self/fd/{}", file.as_raw_fd()), &path)?;
    Ok(Made { file, socket })
}

fn veth(root: &Socket, made: &Made, number: u32) -> io::Result<()> {
    let (name, descriptor) = (with_nul(&interface_of(number)), made.file.as_raw_fd().to_ne_bytes());
    let request = Message::new(RTM_NEWLINK, CREATE_NEW, &interface(ROOT_INDEX + number, true))
        .with(IFLA_IFNAME, &name)
        .with_nested(IFLA_LINKINFO, &[], |info| {
            info.with(IFLA_INFO_KIND, b"veth").with_nested(IFLA_INFO_DATA, &[], |data| {
                data.with_nested(VETH_INFO_PEER, &interface(INSIDE_INDEX, false), |peer| {
                    peer.with(IFLA_IFNAME, b"eth0\0").with(IFLA_NET_NS_FD, &descriptor)
                })
            })
        });
    root.ask(request)
}

fn address_and_up(root: &Socket, made: &Made, number: u32) -> io::Result<()> {
    let [near, far] = addresses_of(number);
    root.ask(address(ROOT_INDEX + number, near))?;
    made.socket.ask(address(INSIDE_INDEX, far))?;
    made.socket.ask(Message::new(RTM_NEWLINK, 0, &interface(INSIDE_INDEX, true)))?;
    made.socket.ask(default_route(near))
}

/// `struct ifaddrmsg` and the address, /30.
fn address(index: u32, address: Ipv4Addr) -> Message {
    const AF_INET: u8 = 2;
    let mut fixed = [AF_INET, 30, 0, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    let octets = address.octets();
    Message::new(RTM_NEWADDR, CREATE_NEW, &fixed).with(IFA_LOCAL, &octets).with(IFA_ADDRESS, &octets)
}

/// `struct rtmsg` and the gateway.
fn default_route(via: Ipv4Addr) -> Message {
    const AF_INET: u8 = 2;
    const RT_TABLE_MAIN: u8 = 254;
    const RTPROT_STATIC: u8 = 4;
    const RTN_UNICAST: u8 = 1;
    let fixed = [AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST, 0, 0, 0, 0];
    Message::new(RTM_NEWROUTE, CREATE_NEW, &fixed).with(RTA_GATEWAY, &via.octets())
}

fn with_nul(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn path_of(number: u32) -> String {
    format!("/run/netns/{}", name_of(number))
}

/// Removes the names, one after the other, and waits until the kernel has announced the deletion of every link.
pub(super) fn down(count: u32) -> Result<Duration> {
    let watch = Watch::start()?;
    let begun = Instant::now();
    remove_names(count)?;
    watch.until_gone(count)?;
    Ok(begun.elapsed())
}

/// As [`down`], but polls the links: a listener is woken for each deletion, which delays the kernel.
pub(super) fn down_asking(count: u32) -> Result<Duration> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let begun = Instant::now();
    remove_names(count)?;
    // Wait for the last one, and check the others once it is deleted.
    for number in (0..count).rev() {
        while name_to_index(&socket, &interface_of(number)).is_ok() {
            if begun.elapsed() > MOST_TIME {
                anyhow::bail!("link {number} still exists after {MOST_TIME:?}");
            }
            // A signal only makes the next poll earlier.
            let _ = nanosleep(&PAUSE);
        }
    }
    Ok(begun.elapsed())
}

fn remove_names(count: u32) -> Result<()> {
    for number in 0..count {
        let path = path_of(number);
        unmount(&path, UnmountFlags::DETACH)?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// Listens for the deletion of links in the calling thread's namespace.
pub(super) struct Watch(Socket);

impl Watch {
    /// Starts listening.
    pub(super) fn start() -> Result<Self> {
        Ok(Self(Socket::listening()?))
    }

    /// Waits until `count` links have been deleted.
    pub(super) fn until_gone(self, count: u32) -> Result<()> {
        let (mut left, mut buffer) = (count as usize, vec![0; 64 << 10]);
        while left > 0 {
            if poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&PATIENCE))? == 0 {
                anyhow::bail!("{left} links still exist");
            }
            left = left.saturating_sub(self.0.gone(&mut buffer)?);
        }
        Ok(())
    }
}
