//! An impaired link from root to a namespace, and datagrams over it.

use std::{fs, net::UdpSocket};

use crate::{agent::Metrics, counts::kernel, sandbox::run};

/// The lab file, inside a sandbox. The lab's name is `bad`.
pub const FILE: &str = "/run/sandbox/bad.toml";

/// Writes the lab, with this `impair` at the end in root.
///
/// # Panics
///
/// If this is no sandbox.
pub fn write(impair: &str) {
    let impair = if impair.is_empty() { String::new() } else { format!(", impair = {{ {impair} }}") };
    let text = format!(
        "[[namespace]]\nname = \"far\"\n[[link]]\nname = \"line\"\n\
         a = {{ namespace = \"root\", interface = \"up0\", addresses = [\"10.33.0.1/24\"]{impair} }}\n\
         b = {{ namespace = \"far\", interface = \"up1\", addresses = [\"10.33.0.2/24\"] }}\n"
    );
    fs::write(FILE, text).expect("a tmpfs");
}

/// Sets permanent neighbour entries: an ARP packet carries no stamp, so its loss would not be counted.
///
/// # Panics
///
/// If the lab is not up.
pub fn set_neighbours() {
    let mac = |namespace: &[&str], interface: &str| {
        let said = run("ip", &[namespace, &["-j", "link", "show", interface]].concat());
        let json: serde_json::Value = serde_json::from_str(&said).expect("ip prints JSON");
        json[0]["address"].as_str().expect("an address").to_owned()
    };
    let (near, far) = (mac(&[], "up0"), mac(&["-n", "far"], "up1"));
    let neighbour = |namespace: &[&str], address: &str, mac: &str, interface: &str| {
        let words = ["neighbour", "replace", address, "lladdr", mac, "nud", "permanent", "dev", interface];
        run("ip", &[namespace, &words[..]].concat());
    };
    neighbour(&[], "10.33.0.2", &far, "up0");
    neighbour(&["-n", "far"], "10.33.0.1", &near, "up1");
}

/// Packets that the kernel sent from an end, by its own count since the end was created.
///
/// # Panics
///
/// If there is no such end.
#[must_use]
pub fn sent_by_kernel(namespace: &str, interface: &str) -> f64 {
    let ([_, sent], _) = kernel(namespace, interface);
    sent.packets
}

/// Packets that reached an end's egress hook and that the kernel did not send, since the end was created.
#[must_use]
pub fn dropped_at(namespace: &str, interface: &str, metrics: &Metrics) -> f64 {
    let hook = [("netns", namespace), ("interface", interface), ("direction", "egress")];
    metrics.sum("netmon_packets_total", &hook) - sent_by_kernel(namespace, interface)
}

/// Sends datagrams to a closed port.
///
/// # Panics
///
/// If the lab is not up.
pub fn send(count: u32) {
    let socket = UdpSocket::bind("10.33.0.1:0").expect("an address of root");
    for _ in 0..count {
        socket.send_to(&[7; 100], "10.33.0.2:9").expect("a route");
    }
}
