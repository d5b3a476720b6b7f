//! Whether the kernel uses IPv6 on an interface, and adds a link-local address to it.

use netmon_model::names::IfIndex;
use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    link::{
        AfSpecInet6, AfSpecUnspec, In6AddrGenMode, Inet6IfaceFlags, LinkAttribute, LinkExtentMask,
        LinkMessage,
    },
};

use super::{Netlink, NetlinkError};

/// How far IPv6 is on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6State {
    /// The kernel will not add a link-local address: IPv6 is disabled, the MTU is too small for it, the mode of generating
    /// addresses is `none`, or the interface does not exist.
    Absent,
    /// The kernel has not handled its carrier yet (`IF_READY`), and drops multicast packets.
    Starting,
    /// The kernel has handled its carrier. It adds the link-local address in the same step.
    Ready,
}

impl Netlink {
    /// Returns how far IPv6 is on an interface.
    ///
    /// Reading one interface also makes the kernel handle a change of its carrier that it has postponed (`rtnl_getlink`,
    /// Linux 6.8).
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn ipv6_state(&mut self, index: IfIndex) -> Result<Ipv6State, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index.0;
        message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let request = RouteNetlinkMessage::GetLink(message);
        Ok(self.get("read an interface", request, state)?.unwrap_or(Ipv6State::Absent))
    }
}

pub(super) fn state(row: RouteNetlinkMessage) -> Option<Ipv6State> {
    let RouteNetlinkMessage::NewLink(message) = row else { return None };
    let families = message.attributes.iter().find_map(|part| match part {
        LinkAttribute::AfSpecUnspec(families) => Some(families),
        _ => None,
    })?;
    let settings = families.iter().find_map(|family| match family {
        AfSpecUnspec::Inet6(settings) => Some(settings),
        _ => None,
    })?;
    let is_disabled = settings.iter().any(|setting| match setting {
        AfSpecInet6::DevConf(values) => values.disable_ipv6 != 0,
        AfSpecInet6::AddrGenMode(mode) => *mode == In6AddrGenMode::None,
        _ => false,
    });
    let is_ready = |setting: &AfSpecInet6| matches!(setting, AfSpecInet6::Flags(flags) if flags.contains(Inet6IfaceFlags::Ready));
    Some(match settings.iter().any(is_ready) {
        _ if is_disabled => Ipv6State::Absent,
        true => Ipv6State::Ready,
        false => Ipv6State::Starting,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: Vec<AfSpecInet6>) -> Option<Ipv6State> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(settings)]));
        state(RouteNetlinkMessage::NewLink(message))
    }

    #[test]
    fn an_interface_is_ready_once_the_kernel_says_so() {
        assert_eq!(with(Vec::new()), Some(Ipv6State::Starting));
        assert_eq!(with(vec![AfSpecInet6::Flags(Inet6IfaceFlags::Ready)]), Some(Ipv6State::Ready));
    }

    #[test]
    fn an_interface_without_generated_addresses_gets_none() {
        let settings =
            vec![AfSpecInet6::Flags(Inet6IfaceFlags::Ready), AfSpecInet6::AddrGenMode(In6AddrGenMode::None)];
        assert_eq!(with(settings), Some(Ipv6State::Absent));
        assert_eq!(state(RouteNetlinkMessage::NewLink(LinkMessage::default())), None);
    }
}
