//! The link layer: Ethernet with up to three VLAN tags.
//!
//! A tag is in the frame or beside it: a VLAN device may leave its tag to the network card, and the kernel takes the
//! outermost tag out of a frame that arrives. Both count, so that a frame is understood to the same depth at both ends of
//! a link.

use super::{ETHERNET_HEADER, Packet};

/// Ethertype of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// Ethertype of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Ethertype of an 802.1Q tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// Ethertype of an 802.1ad tag.
pub const ETHERTYPE_QINQ: u16 = 0x88a8;

/// The maximum number of VLAN tags that are followed: the two of 802.1ad, and one more.
pub(super) const MAX_VLAN_TAGS: usize = 3;

/// Returns the outermost ethertype, or `None` if the frame is shorter than an Ethernet header.
#[inline(always)]
pub fn ethertype<P: Packet>(packet: &P) -> Option<u16> {
    be16(packet, 12)
}

/// Returns the ethertype and the offset of what follows the Ethernet header and the VLAN tags, of which at most
/// three are followed.
///
/// # Errors
///
/// The frame ends too early. The error is the length of the headers that are complete, in bytes.
#[inline(always)]
pub fn link_layer<P: Packet>(packet: &P) -> Result<(u16, usize), usize> {
    let mut ethertype = ethertype(packet).ok_or(0_usize)?;
    let mut offset = ETHERNET_HEADER;
    let mut tags = 0;
    while tags < MAX_VLAN_TAGS && (ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ) {
        ethertype = be16(packet, offset + 2).ok_or(offset)?;
        offset += 4;
        tags += 1;
    }
    // Asked only where it matters, which is almost never.
    if tags == MAX_VLAN_TAGS && packet.has_tag_beside() {
        return Ok((ETHERTYPE_VLAN, offset - 4));
    }
    Ok((ethertype, offset))
}

#[inline(always)]
fn be16<P: Packet>(packet: &P, offset: usize) -> Option<u16> {
    packet.load(offset).map(u16::from_be_bytes)
}
