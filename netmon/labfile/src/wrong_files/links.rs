//! Links, addresses and routes that could not be, and references between sections.

use super::{PAIR, wrong, wrong_beside_a_pair, wrong_in_end, wrong_in_namespace};

/// As [`wrong_in_end`], for one address.
fn wrong_address(address: &str, message: &str, help: &str) {
    let end = format!("namespace = \"root\", interface = \"a\", addresses = [^\"{address}\"]");
    wrong_in_end(&end, message, help);
}

#[test]
fn addresses_that_no_interface_can_have() {
    wrong_address("10.0.0.2", "address 10.0.0.2 lacks its prefix length", "write \"10.0.0.2/24\"");
    wrong_address("fd00::2", "address fd00::2 lacks its prefix length", "write \"fd00::2/64\"");
    wrong_address("web", "\"web\" is not an address with a prefix length", "10.200.0.2/24");
    wrong_address("10.0.0.256/24", "\"10.0.0.256\" is not an IP address", "10.200.0.2/24");
    wrong_address("10.0.0.1/33", "\"33\" is not a prefix length", "IPv4 takes 0 to 32");
    wrong_address("fd00::1/129", "\"129\" is not a prefix length", "IPv6 takes 0 to 128");
    wrong_address(
        "10.0.0.0/24",
        "10.0.0.0 is the network's own address in 10.0.0.0/24",
        "10.0.0.1 to 10.0.0.254",
    );
    wrong_address(
        "10.0.0.255/24",
        "10.0.0.255 is the broadcast address of 10.0.0.0/24",
        "10.0.0.1 to 10.0.0.254",
    );
    wrong_address("10.0.0.3/30", "10.0.0.3 is the broadcast address of 10.0.0.0/30", "10.0.0.1 to 10.0.0.2");
    wrong_address("224.0.0.1/24", "224.0.0.1 is a multicast address", "a host's address");
    wrong_address("ff02::1/64", "ff02::1 is a multicast address", "a host's address");
    wrong_address("0.0.0.0/24", "0.0.0.0 is the unspecified address", "a host's address");
    wrong_address("::/64", ":: is the unspecified address", "a host's address");
    wrong_address(
        "127.0.0.2/8",
        "127.0.0.2 is a loopback address, which only lo can have",
        "a host's address",
    );
    wrong_address("10.0.0.1/0", "10.0.0.1/0 would put every address there is on this link", "prefix length");
}

#[test]
fn things_that_are_there_twice() {
    wrong_beside_a_pair(
        "[[namespace]]\nname = ^\"web\"",
        "namespace \"web\" is declared twice",
        "the first one is on line 3",
    );
    wrong_beside_a_pair(
        "[[link]]\na = { namespace = \"root\", interface = ^\"veth0\" }\nb = { namespace = \"web\", interface = \"c\" }",
        "namespace root has two interfaces veth0",
        "the first one is on line 5",
    );
    wrong_beside_a_pair(
        "[[link]]\na = { namespace = \"root\", interface = \"c\", addresses = [^\"10.0.0.1/16\"] }\nb = { namespace = \"web\", interface = \"c\" }",
        "namespace root has the address 10.0.0.1 twice",
        "the first one is on line 5",
    );
    wrong_beside_a_pair(
        "[[link]]\na = { namespace = \"root\", interface = \"c\", addresses = [\"10.1.0.1/24\"] }\nb = { namespace = \"web\", interface = \"c\", addresses = [^\"10.1.0.1/24\"] }",
        "both ends of the link have the address 10.1.0.1",
        "an address of its own",
    );
    wrong_beside_a_pair(
        "name = \"x\"\n[[link]]\nname = ^\"x\"\na = { namespace = \"root\", interface = \"c\" }\nb = { namespace = \"web\", interface = \"c\" }",
        "there are two links x",
        "the first one is on line 7",
    );
    wrong_in_namespace(
        "routes = [{ to = \"10.9.0.0/16\", via = \"10.0.0.1\" }, { to = ^\"10.9.0.0/16\", via = \"10.0.0.3\" }]",
        "there are two routes to 10.9.0.0/16",
        "keep one",
    );
    let service = "[[service]]\nname = \"s\"\nnamespace = \"web\"\ncommand = [\"a\"]\n";
    wrong_beside_a_pair(
        &format!("{service}{}", service.replace("\"s\"", "^\"s\"")),
        "there are two services s",
        "the first one is on line 8",
    );
}

#[test]
fn references_that_lead_nowhere() {
    let text = PAIR.replace("namespace = \"web\"", "namespace = ^\"wbe\"");
    wrong(&text, "there is no namespace \"wbe\" in this lab", "did you mean \"web\"?");
    wrong_beside_a_pair(
        "[[service]]\nnamespace = ^\"database\"\nhttp = \"0.0.0.0:80\"",
        "there is no namespace \"database\" in this lab",
        "declare it with [[namespace]] and name = \"database\"",
    );
    wrong("[[namespace]]\nname = ^\"root\"", "`root` cannot be made as a namespace", "it is always there");
}

#[test]
fn a_link_to_itself() {
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\" }\nb = { namespace = \"root\", interface = ^\"x\" }",
        "the link joins x in root to itself",
        "another interface",
    );
}

#[test]
fn an_mtu_that_the_kernel_would_refuse() {
    for wrong_mtu in ["67", "65536", "0", "-1", "0xffffffffffffffff"] {
        let shown = if wrong_mtu.starts_with("0x") { "18446744073709551615" } else { wrong_mtu };
        let message = format!("an mtu of {shown} is out of range");
        wrong_beside_a_pair(&format!("mtu = ^{wrong_mtu}"), &message, "68 to 65535");
    }
    wrong_beside_a_pair("mtu = ^1279", "an mtu of 1279 is too small for IPv6 (fd00::1/64)", "1280 or more");
    assert!(crate::parse(&format!("{PAIR}mtu = 1280"), "f", "f").is_ok());
    let without_ipv6 = PAIR.replace(", \"fd00::1/64\"", "").replace(", \"fd00::2/64\"", "");
    assert!(crate::parse(&format!("{without_ipv6}mtu = 68"), "f", "f").is_ok());
}

#[test]
fn routes_that_lead_nowhere() {
    let via = |via: &str| format!("routes = [{{ to = \"default\", via = ^\"{via}\" }}]");
    wrong_in_namespace(
        &via("10.0.1.1"),
        "next hop 10.0.1.1 is not on a link of web",
        "web has an address in",
    );
    wrong_in_namespace(&via("10.0.0.2"), "next hop 10.0.0.2 is an address of web itself", "the other end");
    wrong_in_namespace(&via("10.0.0.255"), "next hop 10.0.0.255 is no host of 10.0.0.0/24", "the neighbour");
    wrong_in_namespace(&via("0.0.0.0"), "0.0.0.0 is no host's address", "a host");
    wrong_in_namespace(&via("gateway"), "\"gateway\" is not an IP address", "10.200.0.2");
    wrong_in_namespace(&via("10.0.0.1/24"), "\"10.0.0.1/24\" is not an IP address", "write \"10.0.0.1\"");
    wrong_in_namespace(
        &via("fe80::1"),
        "next hop fe80::1 is link-local, and a route has no interface to look for it on",
        "global address",
    );
    wrong(
        "[[namespace]]\nname = \"web\"\nroutes = [{ to = \"default\", via = ^\"10.0.0.1\" }]",
        "next hop 10.0.0.1 cannot be reached: web has no address",
        "give an end of a link in web",
    );
}

#[test]
fn destinations_that_are_no_networks() {
    let to = |to: &str| format!("routes = [{{ to = ^\"{to}\", via = \"10.0.0.1\" }}]");
    let to6 = "routes = [{ to = ^\"fd01::/64\", via = \"10.0.0.1\" }]";
    wrong_in_namespace(
        to6,
        "destination fd01::/64 and next hop 10.0.0.1 are of different families",
        "IPv6 address",
    );
    wrong_in_namespace(
        &to("10.9.1.1/16"),
        "destination 10.9.1.1/16 has bits set beyond its prefix",
        "\"10.9.0.0/16\"",
    );
    wrong_in_namespace(&to("10.9.1.1"), "destination 10.9.1.1 lacks its prefix length", "\"10.9.1.1/32\"");
    wrong_in_namespace(&to("224.0.0.0/4"), "destination 224.0.0.0/4 is multicast", "unicast");
    wrong_in_namespace(&to("any"), "\"any\" is not an address with a prefix length", "10.200.0.2/24");
    wrong_in_namespace(&to("10.0.0.0/24"), "10.0.0.0/24 is on a link of web already", "take the route out");
}

#[test]
fn link_layer_addresses_that_no_interface_can_have_or_two_would() {
    let end = |mac: &str| format!("namespace = \"root\", interface = \"x\", mac = ^\"{mac}\"");
    for mac in ["02:00:00:00:00", "02:00:00:00:00:0g", "020000000001", "2:0:0:0:0:1", ""] {
        wrong_in_end(&end(mac), &format!("\"{mac}\" is no link-layer address"), "02:00:00:00:00:01");
    }
    wrong_in_end(
        &end("01:00:5e:00:00:01"),
        "01:00:5e:00:00:01 is the address of a group, not of one interface",
        "let the first byte be even",
    );
    wrong_in_end(
        &end("ff:ff:ff:ff:ff:ff"),
        "ff:ff:ff:ff:ff:ff is the address of a group, not of one interface",
        "even",
    );
    wrong_in_end(&end("00:00:00:00:00:00"), "00:00:00:00:00:00 is no interface's address", "six bytes");
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\", mac = \"02:00:00:00:00:0A\" }\n\
         b = { namespace = \"root\", interface = \"y\", mac = ^\"02:00:00:00:00:0a\" }",
        "two ends have the address 02:00:00:00:00:0a",
        "the first one is on line 2",
    );
}
