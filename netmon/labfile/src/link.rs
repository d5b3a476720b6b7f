//! `[[link]]`: a veth pair, its two ends and their addresses.

use std::{collections::HashMap, ops::Range};

use ipnet::IpNet;
use netmon_model::{
    lab::{End, Link},
    mac::Mac,
    names::{IfName, LinkName, NsName},
};

use super::{
    bridge,
    impair::{self, WrittenImpairment},
    index::Index,
    interface::{interface_name, read_addresses},
    mac::Macs,
    namespace::valid_name,
    report::Report,
    schema,
    section::Section,
};

/// The smallest MTU that IPv4 works with (RFC 791), which is also the kernel's minimum for a veth.
pub(super) const MIN_MTU: i128 = 68;
/// The largest MTU of a veth.
pub(super) const MAX_MTU: i128 = 65_535;
/// The smallest MTU with which the kernel runs IPv6 (RFC 8200, section 5).
const MIN_MTU_IPV6: i128 = 1280;

/// What has to be unique in the lab.
#[derive(Default)]
pub(super) struct UniqueValues {
    /// Link names, with the place of each.
    names: HashMap<LinkName, usize>,
    macs: Macs,
}

/// Reads one section, and declares its interfaces and addresses.
pub(super) fn read(
    section: &Section<'_, '_>,
    unique: &mut UniqueValues,
    index: &mut Index,
    report: &mut Report<'_>,
) -> Option<Link> {
    if !report.is_whole(&section.at()) {
        index.lose_link();
    }
    let written_name = section.string("name", report);
    let help = "write any text without white space, for example \"uplink\"";
    let given_name = written_name.as_ref().map(|name| valid_name(name, help, report));
    let a = read_end(section, ("a", None), &mut unique.macs, index, report);
    let b = read_end(section, ("b", a.as_ref()), &mut unique.macs, index, report);
    if let (Some(a), Some(b)) = (&a, &b) {
        bridge::check_loop(a.port(), b.port(), index, report);
    }
    let both = impair::read(section, report);
    check_containers(section, [a.as_ref(), b.as_ref()], both.is_some(), index, report);
    let mtu = read_mtu(section, a.iter().chain(&b).flat_map(|end| &end.addresses), report);
    if let Some(both) = &both {
        impair::checked(both, mtu, report);
    }
    let mut finish = |end: EndDraft<'_, '_>| end.finish(both.as_ref(), mtu, report);
    let (a, b) = (a.map(&mut finish), b.map(finish));
    let (a, b) = (a??, b??);
    let name = match given_name {
        Some(name) => name?,
        None => LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface)),
    };
    let at = written_name.map_or(section.at(), |name| name.span());
    if let Some(first) = unique.names.insert(name.clone(), at.start) {
        let help = format!("the first one is on line {}; give this one another `name`", report.line(first));
        report.error(at, format!("there are two links {name}"), help);
    }
    Some(Link { name, a, b, mtu })
}

/// Refuses what a link into a container cannot be: the other end must be where `netmon down` finds it, and an impairment
/// would be a queue inside of the container.
fn check_containers(
    section: &Section<'_, '_>,
    ends: [Option<&EndDraft<'_, '_>>; 2],
    both_impaired: bool,
    index: &Index,
    report: &mut Report<'_>,
) {
    let inside: Vec<&EndDraft<'_, '_>> = ends
        .into_iter()
        .flatten()
        .filter(|end| end.namespace.as_ref().is_some_and(|name| index.container(name).is_some()))
        .collect();
    if inside.len() == 2 {
        let help = "join each container to a bridge: two links, the other end of each in root or a namespace of the lab";
        report.error(section.at(), "both ends of the link are in containers", help);
    }
    let is_impaired = both_impaired || ends.into_iter().flatten().any(|end| end.impair.is_some());
    if is_impaired && !inside.is_empty() {
        let help = "remove `impair`, or impair a link of the lab that the packets pass as well";
        report.error(section.at(), "a link into a container cannot be impaired", help);
    }
}

/// An end, as far as it could be read.
struct EndDraft<'t, 'i> {
    namespace: Option<NsName>,
    interface: Option<IfName>,
    /// The bridge that it is a port of, with its place.
    bridge: Option<(IfName, Range<usize>)>,
    mac: Option<Mac>,
    addresses: Vec<IpNet>,
    impair: Option<WrittenImpairment<'t, 'i>>,
}

impl<'t, 'i> EndDraft<'t, 'i> {
    fn port(&self) -> Option<bridge::Port<'_>> {
        let (bridge, at) = self.bridge.as_ref()?;
        Some(bridge::Port { namespace: self.namespace.as_ref()?, bridge, at })
    }

    /// `both` is the impairment of both directions.
    fn finish(
        self,
        both: Option<&WrittenImpairment<'_, '_>>,
        mtu: Option<u32>,
        report: &mut Report<'_>,
    ) -> Option<End> {
        let impairment = impair::of_end(self.impair, both, mtu, report);
        Some(End {
            namespace: self.namespace?,
            interface: self.interface?,
            bridge: self.bridge.map(|(bridge, _)| bridge),
            mac: self.mac,
            addresses: self.addresses,
            impairment,
        })
    }
}

fn read_end<'t, 'i>(
    link: &Section<'t, 'i>,
    (side, other): (&str, Option<&EndDraft<'_, '_>>),
    macs: &mut Macs,
    index: &mut Index,
    report: &mut Report<'_>,
) -> Option<EndDraft<'t, 'i>> {
    let Some(section) = link.table(side, &schema::END, report) else {
        index.lose_address(None);
        return None;
    };
    let namespace = section.string("namespace", report).and_then(|name| index.namespace(&name, report));
    if namespace.is_none() {
        index.lose_address(None);
    }
    let written = section.string("interface", report);
    let interface = written.as_ref().and_then(|name| interface_name(name, "the end of a link", report));
    if let (Some(namespace), Some(interface), Some(written)) = (&namespace, &interface, &written) {
        let is_other = other.is_some_and(|other| {
            other.namespace.as_ref() == Some(namespace) && other.interface.as_ref() == Some(interface)
        });
        if is_other {
            let message = format!("the link joins {interface} in {namespace} to itself");
            report.error(written.span(), message, "give end `b` another interface or another namespace");
        } else {
            index.declare_interface(namespace, interface, written, report);
        }
    }
    // In the same namespace, an equal address is reported as a duplicate.
    let other = other.filter(|other| other.namespace != namespace);
    let taken = other.map(|other| other.addresses.iter().map(IpNet::addr).collect()).unwrap_or_default();
    let addresses = read_addresses(&section, namespace.as_ref(), &taken, index, report);
    let bridge = bridge::port_of(&section, namespace.as_ref(), &addresses, index, report);
    let mac = macs.read(&section, report);
    let impair = impair::read(&section, report);
    Some(EndDraft { namespace, interface, bridge, mac, addresses, impair })
}

fn read_mtu<'l>(
    section: &Section<'_, '_>,
    mut addresses: impl Iterator<Item = &'l IpNet>,
    report: &mut Report<'_>,
) -> Option<u32> {
    let written = section.integer("mtu", report)?;
    let mtu = *written.get_ref();
    if !(MIN_MTU..=MAX_MTU).contains(&mtu) {
        let help = format!("write {MIN_MTU} to {MAX_MTU}, or remove it for the kernel's default, 1500");
        report.error(written.span(), format!("an mtu of {mtu} is out of range"), help);
    } else if mtu < MIN_MTU_IPV6
        && let Some(v6) = addresses.find(|address| address.addr().is_ipv6())
    {
        let help = format!("write {MIN_MTU_IPV6} or more, or remove the IPv6 addresses");
        report.error(written.span(), format!("an mtu of {mtu} is too small for IPv6 ({v6})"), help);
    }
    u32::try_from(mtu).ok()
}
