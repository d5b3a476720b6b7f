//! What the tracing programs share with the agent: which interfaces are watched, where the kernel keeps the fields that
//! are read, and what is counted in addition to [`crate::endpoint`].
//!
//! The programs are for links that netmon did not make. They are attached to three tracepoints of the kernel and see every
//! interface of every namespace, so nothing is attached to the interfaces themselves. A packet is followed from one end
//! of a link to the other by the address of its `sk_buff` ([`Departures`]).

mod departures;
mod known;

pub use self::{
    departures::{DEPARTURE_WAYS, Departed, DepartureSet, departure_hash, departure_tag},
    known::{KNOWN_INTERFACES, KnownInterface, KnownInterfaces},
};
pub use crate::drops::DropPlace as Place;
use crate::{
    abi::{HOOKS, Stage},
    histogram::Histogram,
};

/// Stands for no endpoint, and for a peer that is not watched.
pub const NO_ENDPOINT: u32 = u32::MAX;

/// A watched interface, as the agent enters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Watched {
    /// The endpoint; [`NO_ENDPOINT`] if the interface is not watched.
    pub endpoint: u32,
    /// The other end of its link. [`NO_ENDPOINT`] if it is not watched.
    pub peer: u32,
    /// Departures from here are compared with the peer's arrivals from this time on, monotonic nanoseconds. It is the same
    /// at both ends, and both are watched by then.
    pub compared_from_ns: u64,
}

impl Watched {
    /// An interface that is not watched.
    pub const NOT: Self = Self { endpoint: NO_ENDPOINT, peer: NO_ENDPOINT, compared_from_ns: 0 };
}

/// What is kept for each endpoint, on each CPU, if it is measured by tracing.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Crossings {
    /// How long packets that left here waited in the queue: from `net_dev_queue` to `net_dev_start_xmit`.
    pub queue: Histogram,
    /// How long packets that arrived here took from the peer's driver: from `net_dev_start_xmit` to `netif_receive_skb`.
    pub crossing: Histogram,
    /// Packets that arrived here and whose departure is not known, so they have no latency.
    pub unjoined: u64,
}

impl Crossings {
    /// Those of an endpoint that has seen no packet.
    pub const ZERO: Self = Self { queue: Histogram::EMPTY, crossing: Histogram::EMPTY, unjoined: 0 };
}

/// Length of the part of a frame that is copied for parsing, in bytes: an IPv6 header with extensions and TCP behind
/// three VLAN tags, or TCP over IPv6 in a tunnel over IPv6.
pub const HEADER_BYTES: usize = 160;

/// Calls the macro `$then` with a row for each program that continues with a packet at a tracepoint: the stages of hooks that
/// it stands for, the programs for arrivals and departures, the function that both run, and how it reads the frame.
#[macro_export]
macro_rules! for_each_follower {
    ($then:ident) => {
        $then! {
            [Tcp, TcpNonLinear]: netmon_rcvd_tcp, netmon_sent_tcp => tcp::tcp(Copied);
            [Echo]: netmon_rcvd_echo, netmon_sent_echo => conversation::echo(Copied);
            [Dns]: netmon_rcvd_dns, netmon_sent_dns => conversation::dns(Copied);
            [SuperBytes]: netmon_rcvd_super, netmon_sent_super => super_bytes::super_bytes(Probed);
        }
    };
}

/// A program that continues with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The stages that it stands for, which are its places in the tables.
    pub stages: &'static [Stage],
    /// Its names, by hook.
    pub programs: [&'static str; HOOKS],
}

macro_rules! define_followers {
    ($([$($stage:ident),+]: $received:ident, $sent:ident => $module:ident::$body:ident($frame:ident);)*) => {
        /// Every program that continues with a packet.
        pub const FOLLOWERS: &[Follower] = &[$(Follower {
            stages: &[$(Stage::$stage),+],
            programs: [stringify!($received), stringify!($sent)],
        }),*];
    };
}

for_each_follower!(define_followers);

/// Calls the macro `$then` with a row for each field of the kernel's structures that the programs read: a function that
/// returns its offset, the variable that the agent sets, the structure and the field.
#[macro_export]
macro_rules! for_each_field {
    ($then:ident) => {
        $then! {
            skb_dev, NETMON_SKB_DEV: sk_buff.dev;
            skb_len, NETMON_SKB_LEN: sk_buff.len;
            skb_data_len, NETMON_SKB_DATA_LEN: sk_buff.data_len;
            skb_head, NETMON_SKB_HEAD: sk_buff.head;
            skb_data, NETMON_SKB_DATA: sk_buff.data;
            skb_end, NETMON_SKB_END: sk_buff.end;
            skb_mac_header, NETMON_SKB_MAC_HEADER: sk_buff.mac_header;
            skb_pkt_type, NETMON_SKB_PKT_TYPE: sk_buff.pkt_type;
            skb_vlan_proto, NETMON_SKB_VLAN_PROTO: sk_buff.vlan_proto;
            shared_gso_size, NETMON_SHARED_GSO_SIZE: skb_shared_info.gso_size;
            shared_gso_segs, NETMON_SHARED_GSO_SEGS: skb_shared_info.gso_segs;
            dev_ifindex, NETMON_DEV_IFINDEX: net_device.ifindex;
            dev_net, NETMON_DEV_NET: net_device.nd_net;
            net_cookie, NETMON_NET_COOKIE: net.net_cookie;
        }
    };
}

/// A field of a structure of the kernel, whose offset the agent sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The variable of the object that holds the offset, in bytes.
    pub variable: &'static str,
    /// The structure.
    pub structure: &'static str,
    /// The field, which may be in an unnamed structure or union inside it.
    pub field: &'static str,
}

macro_rules! define {
    ($($name:ident, $variable:ident: $structure:ident.$field:ident;)*) => {
        /// Every field that the programs read.
        pub const FIELDS: &[Field] = &[$(Field {
            variable: stringify!($variable),
            structure: stringify!($structure),
            field: stringify!($field),
        }),*];
    };
}

for_each_field!(define);

const _: () = {
    assert!(size_of::<Watched>() == 16);
    assert!(size_of::<Crossings>() == 2 * size_of::<Histogram>() + 8);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads and writes these types in maps as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::Watched {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Crossings {}
}
