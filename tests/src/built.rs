//! A lab as `ip` and `sysctl` show it, without what differs between builds (interface indexes, link-layer addresses).
//! Two builds of one file give the same text.

use std::{fs, path::Path};

use netmon_model::lab::Lab;
use serde_json::Value;

use crate::sandbox::run;

/// All that the lab file declares, as it is on the host.
///
/// # Panics
///
/// If a part of it is missing.
#[must_use]
pub fn built(lab: &Lab) -> String {
    let mut text =
        format!("root\n{}", interfaces("root", &run("ip", &ADDRESSES), |name| wants(lab, "root", name)));
    for namespace in &lab.namespaces {
        let name = namespace.name.as_str();
        let file = fs::read_to_string(Path::new("/etc/netns").join(name).join("resolv.conf"));
        let settings: Vec<&str> = namespace.sysctls.keys().map(String::as_str).collect();
        // One process for all of it: this runs a hundred times.
        let script = format!(
            "ip {}; echo; ip route; ip -6 route; sysctl -q {}",
            ADDRESSES.join(" "),
            settings.join(" ")
        );
        let script = if settings.is_empty() { script.replace("; sysctl -q ", "") } else { script };
        let shown = run("nsenter", &[&format!("--net=/run/netns/{name}"), "sh", "-ec", &script]);
        let (addresses, rest) = shown.split_once("\n\n").unwrap_or((&shown, ""));
        let mut rest: Vec<&str> = rest.lines().filter(|line| !line.starts_with("fe80::")).collect();
        rest.sort_unstable();
        let there = interfaces(name, addresses, |there| wants(lab, name, there) || there == "lo");
        text += &format!("{name}\n{there}{}\n{file:?}\n", rest.join("\n"));
    }
    text
}

/// Arguments of ip that show all interfaces and their addresses.
const ADDRESSES: [&str; 4] = ["-d", "-j", "address", "show"];

fn wants(lab: &Lab, namespace: &str, interface: &str) -> bool {
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    let mut places = ends.map(|end| (end.namespace.as_str(), end.interface.as_str()));
    let mut bridges = lab.bridges.iter().map(|bridge| (bridge.namespace.as_str(), bridge.name.as_str()));
    places.any(|place| place == (namespace, interface))
        || bridges.any(|place| place == (namespace, interface))
}

/// The interfaces of a namespace that the lab declares; in a namespace of the lab also all others.
fn interfaces(namespace: &str, shown: &str, wanted: impl Fn(&str) -> bool) -> String {
    let all: Vec<Value> = serde_json::from_str(shown).expect("JSON");
    let mut lines = Vec::new();
    for one in all {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let name = text("ifname");
        if namespace == "root" && !wanted(&name) {
            continue;
        }
        let up = one["flags"].as_array().is_some_and(|flags| flags.contains(&"UP".into()));
        let addresses = one["addr_info"].as_array().into_iter().flatten();
        let mut addresses: Vec<String> = addresses
            .filter(|address| address["scope"] != "link")
            .map(|address| format!("{}/{}", address["local"], address["prefixlen"]))
            .collect();
        addresses.sort();
        let [kind, master, alias] =
            [one["linkinfo"]["info_kind"].to_string(), text("master"), text("ifalias")];
        lines.push(format!("{name} {kind} {master} {alias} {up} {} {addresses:?}\n", one["mtu"]));
    }
    lines.sort();
    lines.concat()
}
