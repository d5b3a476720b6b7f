//! Interfaces: veth pairs and bridges, marks, state, deletion, and the list with the kernel's counters.

use std::os::fd::{AsFd as _, AsRawFd as _};

use netmon_model::{
    mac::Mac,
    names::{IfIndex, IfName},
};
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        link::{
            InfoData, InfoKind, InfoVeth, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
            LinkXdp, Prop, State, Stats64, XdpAttached,
        },
    },
};

use super::{Netlink, NetlinkError, Request};
use crate::netns::NetNs;

/// The kind of a bridge.
pub const BRIDGE: &str = "bridge";
/// The number of `lo`, in every namespace.
pub const LOOPBACK: IfIndex = IfIndex(1);
/// Up to this many interfaces are better read one by one: the kernel takes milliseconds to list a thousand.
pub const ONE_BY_ONE: usize = 4;
/// Kinds of a root qdisc that hold no packet and have no qdisc below them: of a veth end, and of one that was never up.
const WITHOUT_QUEUE: [&str; 2] = ["noqueue", "noop"];

/// One end of a veth pair that is to be created.
#[derive(Clone, Copy, Debug)]
pub struct VethEnd<'a> {
    /// The namespace in which it is created directly.
    pub namespace: &'a NetNs,
    /// Its name there.
    pub name: &'a IfName,
    /// Its link-layer address.
    pub mac: Mac,
    /// Its number there. `None` lets the kernel choose. The kernel uses the second end's only if the first has one, too.
    pub index: Option<IfIndex>,
    /// Its MTU. `None` leaves the kernel's default.
    pub mtu: Option<u32>,
}

/// Creates a veth pair with each end in its namespace. Both are down: the kernel cannot create a peer that is up
/// (ENOTCONN).
#[must_use]
pub fn create_veth(first: VethEnd<'_>, second: VethEnd<'_>) -> Request {
    let mut message = end_message(first);
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(end_message(second)))),
    ]));
    Request::new(
        format!("create veth pair {} and {}", first.name, second.name),
        RouteNetlinkMessage::NewLink(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Creates a bridge in the socket's namespace. It is down, and does not run the spanning tree protocol. Since its address
/// is set, it does not change with the ports.
#[must_use]
pub fn create_bridge(name: &IfName, mac: Mac) -> Request {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_string()),
        LinkAttribute::Address(mac.0.to_vec()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
    ];
    let what = format!("create bridge {name}");
    Request::new(what, RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Makes the interface a port of a bridge. `None` removes it from its bridge.
#[must_use]
pub fn set_bridge(index: IfIndex, name: &str, bridge: Option<IfIndex>) -> Request {
    let what = match bridge {
        Some(_) => format!("make interface {name} a port of a bridge"),
        None => format!("remove interface {name} from its bridge"),
    };
    set(index, what, vec![LinkAttribute::Controller(bridge.map_or(0, |bridge| bridge.0))], false)
}

fn end_message(end: VethEnd<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = end.index.map_or(0, |index| index.0);
    message.attributes = vec![
        LinkAttribute::IfName(end.name.to_string()),
        LinkAttribute::Address(end.mac.0.to_vec()),
        LinkAttribute::NetNsFd(end.namespace.as_fd().as_raw_fd()),
    ];
    message.attributes.extend(end.mtu.map(LinkAttribute::Mtu));
    message
}

fn set(index: IfIndex, what: String, attributes: Vec<LinkAttribute>, up: bool) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index.0;
    message.attributes = attributes;
    if up {
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
    }
    Request::new(what, RouteNetlinkMessage::SetLink(message), 0)
}

/// Sets the alias, which `ip link` shows and by which netmon identifies its interfaces.
#[must_use]
pub fn set_alias(index: IfIndex, name: &str, alias: &str) -> Request {
    set(index, format!("mark interface {name}"), vec![LinkAttribute::IfAlias(alias.to_owned())], false)
}

/// Sets the alias and sets the interface up, in one request.
#[must_use]
pub fn set_alias_and_up(index: IfIndex, name: &str, alias: &str) -> Request {
    set(index, format!("set up interface {name}"), vec![LinkAttribute::IfAlias(alias.to_owned())], true)
}

/// Sets the interface up.
#[must_use]
pub fn set_up(index: IfIndex, name: &str) -> Request {
    set(index, format!("set up interface {name}"), Vec::new(), true)
}

/// Sets the interface down.
#[must_use]
pub fn set_down(index: IfIndex, name: &str) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index.0;
    message.header.change_mask = LinkFlags::Up;
    Request::new(format!("set down interface {name}"), RouteNetlinkMessage::SetLink(message), 0)
}

/// Sets the link-layer address. The interface may be up.
#[must_use]
pub fn set_mac(index: IfIndex, name: &str, mac: Mac) -> Request {
    let what = format!("set link-layer address {mac} of interface {name}");
    set(index, what, vec![LinkAttribute::Address(mac.0.to_vec())], false)
}

/// Sets the MTU, in bytes.
#[must_use]
pub fn set_mtu(index: IfIndex, name: &str, mtu: u32) -> Request {
    set(index, format!("set MTU {mtu} of interface {name}"), vec![LinkAttribute::Mtu(mtu)], false)
}

/// Deletes an interface; of a veth pair, both ends.
#[must_use]
pub fn delete(index: IfIndex, name: &str) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index.0;
    Request::new(format!("delete interface {name}"), RouteNetlinkMessage::DelLink(message), 0)
}

/// An interface as the kernel lists it.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its other names.
    pub alt_names: Vec<String>,
    /// Its alias, which is the mark of an interface that netmon created.
    pub alias: Option<String>,
    /// Its link-layer address. `None` if it has none of six bytes.
    pub mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is set up (`IFF_UP`), whether or not its peer is.
    pub up: bool,
    /// Whether it is up and has a carrier (RFC 2863, `IF_OPER_UP`), so that its queue is active.
    pub operational: bool,
    /// `IFLA_LINK`: the number of a veth's peer, in the namespace of [`Self::peer_netnsid`].
    pub peer_index: Option<u32>,
    /// `IFLA_LINK_NETNSID`. `None` if the peer is in the same namespace.
    pub peer_netnsid: Option<i32>,
    /// `veth`, `bridge` and so on. `None` for `lo` and hardware.
    pub kind: Option<String>,
    /// The bridge, bond or similar that it is a port of.
    pub controller: Option<u32>,
    /// How often it gained or lost its carrier. Each loss empties its queue.
    pub carrier_changes: u32,
    /// The kind of its root qdisc: `noqueue` for a new veth end.
    pub qdisc: Option<String>,
    /// Whether an XDP program is attached, which takes packets before they reach any other hook.
    pub xdp: bool,
    /// The kernel's counters.
    pub stats: Option<Stats64>,
}

impl Interface {
    /// Returns whether packets wait in a qdisc here.
    #[must_use]
    pub fn has_queue(&self) -> bool {
        self.qdisc.as_deref().is_some_and(|kind| !WITHOUT_QUEUE.contains(&kind))
    }
}

impl Netlink {
    /// Returns every interface of the namespace.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn interfaces(&mut self) -> Result<Vec<Interface>, NetlinkError> {
        self.list_interfaces(false)
    }

    /// Returns every interface of the namespace with its counters, which costs the kernel more.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn interfaces_with_stats(&mut self) -> Result<Vec<Interface>, NetlinkError> {
        self.list_interfaces(true)
    }

    /// Returns the interface with this number, without its counters. `None` if there is none.
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn interface(&mut self, index: IfIndex) -> Result<Option<Interface>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index.0;
        message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        self.get("read an interface", RouteNetlinkMessage::GetLink(message), interface)
    }

    fn list_interfaces(&mut self, stats: bool) -> Result<Vec<Interface>, NetlinkError> {
        let mut message = LinkMessage::default();
        if !stats {
            message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        }
        self.dump("list interfaces", &RouteNetlinkMessage::GetLink(message), interface)
    }
}

fn has_program(xdp: &[LinkXdp]) -> bool {
    xdp.iter().any(|one| matches!(one, LinkXdp::Attached(at) if *at != XdpAttached::None))
}

pub(super) fn interface(row: RouteNetlinkMessage) -> Option<Interface> {
    let RouteNetlinkMessage::NewLink(message) = row else { return None };
    let mut interface = Interface {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        ..Interface::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name = name,
            LinkAttribute::IfAlias(alias) => interface.alias = Some(alias),
            LinkAttribute::Address(address) => interface.mac = address.try_into().ok().map(Mac),
            LinkAttribute::Mtu(mtu) => interface.mtu = mtu,
            LinkAttribute::OperState(state) => interface.operational = state == State::Up,
            LinkAttribute::Link(index) => interface.peer_index = Some(index),
            LinkAttribute::Controller(index) => interface.controller = Some(index),
            LinkAttribute::LinkNetNsId(id) => interface.peer_netnsid = Some(id),
            LinkAttribute::CarrierChanges(changes) => interface.carrier_changes = changes,
            LinkAttribute::Qdisc(kind) => interface.qdisc = Some(kind),
            LinkAttribute::Xdp(xdp) => interface.xdp = has_program(&xdp),
            LinkAttribute::Stats64(stats) => interface.stats = Some(stats),
            LinkAttribute::PropList(properties) => interface.alt_names = alt_names(properties),
            LinkAttribute::LinkInfo(info) => interface.kind = kind(&info),
            _ => {}
        }
    }
    Some(interface)
}

fn alt_names(properties: Vec<Prop>) -> Vec<String> {
    let names = properties.into_iter().map(|property| match property {
        Prop::AltIfName(name) => Some(name),
        _ => None,
    });
    names.flatten().collect()
}

fn kind(info: &[LinkInfo]) -> Option<String> {
    info.iter().find_map(|part| match part {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}
