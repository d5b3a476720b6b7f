//! An interface in a listing of the observer: only what says which interfaces belong together, read leniently.

use netmon_model::{mac::Mac, names::IfIndex};

use super::{
    super::raw::{RawMessage, attributes, text, word},
    Nsid,
};

/// Numbers of `linux/rtnetlink.h` and `linux/if_link.h`.
pub(super) const RTM_NEWLINK: u16 = 16;
/// The size of `struct ifinfomsg`, before the attributes.
pub(super) const LINK_HEADER: usize = 16;
/// Where the ifindex and the flags are in it.
pub(super) const INDEX_AT: usize = 4;
const FLAGS_AT: usize = 8;
const IFF_UP: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;

/// An interface of a namespace, as the observer sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedInterface {
    /// Its number in its namespace.
    pub ifindex: IfIndex,
    /// Its name.
    pub name: String,
    /// Its alias. netmon marks its own interfaces by it.
    pub alias: Option<String>,
    /// Its link-layer address. `None` if it has none of six bytes.
    pub mac: Option<Mac>,
    /// `veth`, `bridge` and so on. `None` for `lo` and hardware.
    pub kind: Option<String>,
    /// Whether it is set up, whether or not its peer is.
    pub is_up: bool,
    /// `IFLA_LINK`: the peer of a veth or netkit, the lower device of a macvlan and others. `None` if there is none, and
    /// in its namespace's own numbers.
    pub link: Option<IfIndex>,
    /// The namespace of [`Self::link`]. `None` if it is the interface's own.
    pub link_nsid: Option<Nsid>,
    /// The bridge, bond or similar that it is a port of.
    pub controller: Option<IfIndex>,
}

impl ObservedInterface {
    /// Reads a message of a listing. Returns `None` for any other message, and for one without a name.
    pub(in super::super) fn parse(message: RawMessage<'_>) -> Option<Self> {
        if message.kind != RTM_NEWLINK {
            return None;
        }
        let mut interface = Self {
            ifindex: IfIndex(word(message.body, INDEX_AT)?),
            is_up: word(message.body, FLAGS_AT)? & IFF_UP != 0,
            ..Self::default()
        };
        for (kind, value) in attributes(message.body.get(LINK_HEADER..)?) {
            interface.read(kind, value);
        }
        (!interface.name.is_empty()).then_some(interface)
    }

    fn read(&mut self, kind: u16, value: &[u8]) {
        let index = || word(value, 0).filter(|index| *index != 0).map(IfIndex);
        match kind {
            IFLA_ADDRESS => self.mac = value.try_into().ok().map(Mac),
            IFLA_IFNAME => self.name = text(value),
            IFLA_IFALIAS => self.alias = Some(text(value)),
            IFLA_LINK => self.link = index(),
            IFLA_MASTER => self.controller = index(),
            IFLA_LINK_NETNSID => self.link_nsid = word(value, 0).map(|id| Nsid(id.cast_signed())),
            IFLA_LINKINFO => {
                self.kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND).map(|(_, v)| text(v));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::raw::messages, *};

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A message of type `kind` about interface 7, which is up.
    pub(in super::super) fn link(kind: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; LINK_HEADER];
        body[INDEX_AT..INDEX_AT + 4].copy_from_slice(&7_u32.to_ne_bytes());
        body[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&(IFF_UP | 0x1000).to_ne_bytes());
        body.extend(attributes.concat());
        let length = u32::try_from(16 + body.len()).unwrap();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], &body].concat()
    }

    #[test]
    fn a_veth_end_has_its_peer_in_the_numbers_of_the_observer() {
        let bytes = link(
            RTM_NEWLINK,
            &[
                attribute(IFLA_IFNAME, b"eth0\0"),
                attribute(IFLA_LINK, &9_u32.to_ne_bytes()),
                attribute(IFLA_LINK_NETNSID, &3_i32.to_ne_bytes()),
                attribute(IFLA_MASTER, &0_u32.to_ne_bytes()),
                attribute(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
                attribute(0x8000 | IFLA_LINKINFO, &attribute(IFLA_INFO_KIND, b"veth\0")),
                attribute(999, b"a future attribute"),
            ],
        );
        let expected = ObservedInterface {
            ifindex: IfIndex(7),
            name: "eth0".to_owned(),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            kind: Some("veth".to_owned()),
            is_up: true,
            link: Some(IfIndex(9)),
            link_nsid: Some(Nsid(3)),
            ..ObservedInterface::default()
        };
        assert_eq!(messages(&bytes).find_map(ObservedInterface::parse), Some(expected));
    }

    #[test]
    fn a_message_that_is_no_link_or_has_no_name_is_no_interface() {
        let nameless = link(RTM_NEWLINK, &[attribute(IFLA_ADDRESS, &[1, 2, 3])]);
        assert_eq!(messages(&nameless).find_map(ObservedInterface::parse), None);
        let other = link(24, &[attribute(IFLA_IFNAME, b"eth0\0")]);
        assert_eq!(messages(&other).find_map(ObservedInterface::parse), None);
    }
}
