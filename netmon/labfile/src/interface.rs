//! Shared by bridges and the ends of links: the name of an interface, and its addresses.

use std::{collections::HashSet, net::IpAddr};

use ipnet::IpNet;
use netmon_model::names::{IfName, NsName};

use super::{
    address,
    index::Index,
    namespace::valid_name,
    report::Report,
    section::{Section, Text},
};

/// Reads the name of an interface to create. `role` describes it in messages.
pub(super) fn interface_name(written: &Text<'_>, role: &str, report: &mut Report<'_>) -> Option<IfName> {
    if *written.get_ref() == "lo" {
        let help = "write another name, for example \"veth0\": every namespace already has its own lo";
        report.error(written.span(), format!("`lo` cannot be {role}"), help);
        return None;
    }
    let help = "write 1 to 15 bytes without `/`, `:`, `%` and white space, for example \"veth0\"";
    valid_name(written, help, report)
}

/// Reads and declares the addresses of an interface. `taken` has those of the link's other end.
pub(super) fn read_addresses(
    section: &Section<'_, '_>,
    namespace: Option<&NsName>,
    taken: &HashSet<IpAddr>,
    index: &mut Index,
    report: &mut Report<'_>,
) -> Vec<IpNet> {
    let mut addresses = Vec::new();
    let written = section.strings("addresses", report);
    if written.is_none() && section.get("addresses").is_some() {
        index.lose_address(namespace);
    }
    for written in written.unwrap_or_default() {
        let Some(address) = address::interface_address(&written, report) else {
            index.lose_address(namespace);
            continue;
        };
        if taken.contains(&address.addr()) {
            let message = format!("both ends of the link have the address {}", address.addr());
            report.error(written.span(), message, "give each end an address of its own in the same network");
        }
        if let Some(namespace) = namespace {
            index.declare_address(namespace, address, &written, report);
        }
        addresses.push(address);
    }
    addresses
}
