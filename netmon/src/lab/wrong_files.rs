//! Wrong lab files, one for each rule: where the complaint points, and what it says.
//!
//! Each case is a text in which `^` stands before the place that the complaint points to; it is taken out
//! before the text is read.

use super::*;

/// A namespace `web` joined to root, for cases about something else.
const PAIR: &str = r#"
[[namespace]]
name = "web"
[[link]]
a = { namespace = "root", interface = "veth0", addresses = ["10.0.0.1/24", "fd00::1/64"] }
b = { namespace = "web", interface = "veth1", addresses = ["10.0.0.2/24", "fd00::2/64"] }
"#;

/// Asserts that `marked` has exactly one error, at its mark, with these words.
fn wrong(marked: &str, message: &str, help: &str) {
    let at = marked.find('^').expect("a mark");
    let text = marked.replacen('^', "", 1);
    let line = marked[..at].matches('\n').count() + 1;
    let column = marked[..at].rsplit('\n').next().map_or(1, |before| before.chars().count() + 1);
    let found = Lab::parse(&text, "f.toml", "f").expect_err(&text);
    let shown: Vec<_> = found.iter().map(Diagnostic::to_string).collect();
    assert_eq!(found.len(), 1, "{text}\n{}", shown.join("\n"));
    assert_eq!(
        shown[0].lines().next(),
        Some(&*format!("f.toml:{line}:{column}: error: {message}")),
        "{text}"
    );
    assert!(found[0].help.contains(help), "{text}\n{}", shown[0]);
}

/// As [`wrong`], for a text that comes after a namespace `web` with a link.
fn wrong_beside_a_pair(marked: &str, message: &str, help: &str) {
    wrong(&format!("{PAIR}{marked}"), message, help);
}

/// As [`wrong`], for the keys of a namespace that has 10.0.0.2/24 and fd00::2/64.
fn wrong_in_namespace(marked: &str, message: &str, help: &str) {
    let (head, tail) = PAIR.split_once("[[link]]").unwrap();
    wrong(&format!("{head}{marked}\n[[link]]{tail}"), message, help);
}

/// As [`wrong`], for the keys of one end of a link.
fn wrong_in_end(marked: &str, message: &str, help: &str) {
    let text = format!("[[link]]\na = {{ {marked} }}\nb = {{ namespace = \"root\", interface = \"b\" }}");
    wrong(&text, message, help);
}

/// As [`wrong_in_end`], for one address.
fn wrong_address(address: &str, message: &str, help: &str) {
    let end = format!("namespace = \"root\", interface = \"a\", addresses = [^\"{address}\"]");
    wrong_in_end(&end, message, help);
}

#[test]
fn text_that_is_not_toml() {
    wrong("name = ^web", "string values must be quoted", "double quotes");
    wrong("name = \"a\"\n^name = \"b\"", "duplicate key", "take one of them out");
    wrong("name = \"web^\n", "invalid basic string", "write `\"` here");
    wrong("name^", "key with no value", "write `=` here");
    wrong("[[link]^\n", "unclosed array table", "write `]` here");
    wrong("name = \"a^\0b\"", "invalid basic string", "write");
    let deep = format!("name = {}^[", "[".repeat(32));
    wrong(&deep, "brackets and dotted keys nest deeper than 32 levels", "four levels");
    let dotted = format!("a{}^.a = 1", ".a".repeat(32));
    wrong(&dotted, "brackets and dotted keys nest deeper than 32 levels", "four levels");
}

#[test]
fn a_missing_bracket_is_one_error_and_not_one_a_line() {
    let (head, tail) = PAIR.split_once("[[link]]").unwrap();
    let unclosed_table = format!("{head}sysctls = ^{{ \"net.ipv4.ip_forward\" = \"1\"\n[[link]]{tail}");
    wrong(&unclosed_table, "this `{` is not closed", "write the `}`");
    let unclosed_list = format!("{head}nameservers = ^[\n  \"10.0.0.1\",\n[[link]]{tail}");
    wrong(&unclosed_list, "this `[` is not closed", "write the `]`");
}

#[test]
fn keys_that_do_not_belong_there() {
    wrong("^colour = 1", "unknown key \"colour\" in the lab file", "name, namespace, link, service");
    wrong_in_namespace(
        "^color = 1",
        "unknown key \"color\" in [[namespace]]",
        "nameservers, routes, sysctls",
    );
    wrong_in_end(
        "namespace = \"root\", interface = \"a\", ^adresses = []",
        "unknown key \"adresses\" in a link's end",
        "did you mean `addresses`?",
    );
    wrong_beside_a_pair("^metric = 1", "unknown key \"metric\" in [[link]]", "name, a, b, mtu");
    wrong_in_namespace(
        "routes = [{ to = \"default\", via = \"10.0.0.1\", ^dev = \"x\" }]",
        "unknown key \"dev\" in a route",
        "to, via",
    );
}

#[test]
fn a_mistyped_section_is_read_as_the_one_that_was_meant() {
    let text = PAIR.replace("[[namespace]]", "[[^namespce]]");
    wrong(&text, "unknown key \"namespce\" in the lab file", "did you mean `namespace`?");
}

#[test]
fn parts_of_the_format_that_come_later_are_refused_by_name() {
    for section in ["bridge", "probe", "expect"] {
        let message = format!("`{section}` in the lab file is not supported yet");
        wrong_beside_a_pair(&format!("[[^{section}]]\nname = \"x\""), &message, "leave it out");
    }
    wrong_beside_a_pair(
        "^impair = { loss = \"1%\" }",
        "`impair` in [[link]] is not supported yet",
        "leave it out",
    );
    wrong_in_end(
        "namespace = \"root\", interface = \"a\", ^bridge = \"br0\"",
        "`bridge` in a link's end is not supported yet",
        "leave it out",
    );
}

#[test]
fn values_of_the_wrong_type() {
    wrong("name = ^1", "`name` must be a string, not an integer", "write name = \"my-lab\"");
    wrong_beside_a_pair("mtu = ^\"1500\"", "`mtu` must be an integer, not a string", "write mtu = 1500");
    wrong_beside_a_pair("mtu = ^1500.0", "`mtu` must be an integer, not a float", "write mtu = 1500");
    wrong_in_namespace(
        "nameservers = ^\"10.0.0.1\"",
        "`nameservers` must be an array of strings, not a string",
        "nameservers = [",
    );
    wrong_in_namespace(
        "nameservers = [^true]",
        "every element of `nameservers` must be a string, not a boolean",
        "nameservers = [",
    );
    wrong_in_namespace(
        "routes = [^1]",
        "every element of `routes` must be a table, not an integer",
        "{ to = ",
    );
    wrong_in_namespace(
        "sysctls = { \"net.ipv4.ip_forward\" = ^1 }",
        "the value of \"net.ipv4.ip_forward\" must be a string, not an integer",
        "\"net.ipv4.ip_forward\" = \"1\"",
    );
    wrong_in_namespace(
        "sysctls = { ^net.ipv4.ip_forward = \"1\" }",
        "the value of \"net\" must be a string, not a table",
        "\"net.ipv4.ip_forward\" = \"1\"",
    );
    wrong(
        "^[link]\na = { namespace = \"root\", interface = \"x\" }\nb = { namespace = \"root\", interface = \"y\" }",
        "`link` must be an array of tables, not a table",
        "[[link]]",
    );
    wrong("namespace = ^\"web\"", "`namespace` must be an array of tables, not a string", "[[namespace]]");
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\" }\nb = ^2021-01-01",
        "`b` must be a table, not a date",
        "b = { namespace",
    );
}

#[test]
fn keys_that_are_missing() {
    wrong("^[[namespace]]\nnameservers = []", "[[namespace]] lacks `name`", "add name = ");
    wrong("^[[link]]\na = { namespace = \"root\", interface = \"x\" }", "[[link]] lacks `b`", "add b = {");
    wrong(
        "[[link]]\na = { namespace = \"root\", interface = \"x\" }\nb = ^{ namespace = \"root\" }",
        "a link's end lacks `interface`",
        "add interface = ",
    );
    wrong_in_namespace("routes = [^{ to = \"default\" }]", "a route lacks `via`", "add via = ");
    wrong("^[[service]]\nhttp = \"127.0.0.1:80\"", "[[service]] lacks `namespace`", "add namespace = ");
    wrong(
        "^[[service]]\nnamespace = \"root\"",
        "[[service]] lacks `command` or `http`",
        "built-in web server",
    );
}

#[test]
fn names_that_the_kernel_or_the_file_system_would_not_take() {
    wrong("name = ^\"../x\"", "lab name \"../x\" must not contain '/'", "1 to 64 bytes");
    wrong("[[namespace]]\nname = ^\"a/b\"", "namespace name \"a/b\" must not contain '/'", "1 to 255 bytes");
    wrong("[[namespace]]\nname = ^\"\"", "namespace name \"\" must not be empty", "1 to 255 bytes");
    wrong_in_end(
        "namespace = \"root\", interface = ^\"a234567890123456\"",
        "interface name \"a234567890123456\" is 16 bytes long, 15 is the most",
        "1 to 15 bytes",
    );
    // Eight characters, but sixteen bytes.
    wrong_in_end(
        "namespace = \"root\", interface = ^\"éééééééé\"",
        "interface name \"éééééééé\" is 16 bytes long, 15 is the most",
        "1 to 15 bytes",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"all\"",
        "interface name \"all\" must not be 'all' or 'default'",
        "for example \"veth0\"",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"lo\"",
        "`lo` cannot be the end of a link",
        "another name",
    );
    wrong_beside_a_pair(
        "name = ^\"up link\"",
        "link name \"up link\" must be without white space and not empty",
        "for example \"uplink\"",
    );
    wrong_in_end(
        "namespace = \"root\", interface = ^\"a\\u0000\"",
        "interface name \"a\\0\" must be without white space and control characters",
        "1 to 15 bytes",
    );
}

#[test]
fn a_file_whose_name_cannot_be_the_labs_name() {
    let found = Lab::parse("\n", "my lab.toml", "my lab").unwrap_err();
    let shown = found[0].to_string();
    assert!(
        shown.starts_with("my lab.toml:1:1: error: the file's name makes \"my lab\" the lab's name"),
        "{shown}"
    );
    assert!(Lab::parse("name = \"x\"", "my lab.toml", "my lab").is_ok());
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
    assert!(Lab::parse(&format!("{PAIR}mtu = 1280"), "f", "f").is_ok());
    let without_ipv6 = PAIR.replace(", \"fd00::1/64\"", "").replace(", \"fd00::2/64\"", "");
    assert!(Lab::parse(&format!("{without_ipv6}mtu = 68"), "f", "f").is_ok());
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
fn services_that_could_not_run() {
    let service = |keys: &str| format!("[[service]]\nnamespace = \"web\"\n{keys}");
    wrong_beside_a_pair(&service("command = ^[]"), "`command` is empty", "the program and its arguments");
    wrong_beside_a_pair(
        &service("command = [^\"\", \"x\"]"),
        "the first word of `command` is empty",
        "program's name",
    );
    wrong_beside_a_pair(
        &service("command = [\"a\", ^\"b\\u0000\"]"),
        "a word of `command` contains a NUL byte",
        "no program can be given it",
    );
    wrong_beside_a_pair(
        &service("command = ^\"nginx -v\""),
        "`command` must be an array of words, not one string: no shell takes it apart",
        "write command = [\"nginx\", \"-v\"]",
    );
    wrong_beside_a_pair(
        &service("command = [\"a\"]\nhttp = ^\"10.0.0.2:80\""),
        "a service has `command` or `http`, not both",
        "keep one of them",
    );
    wrong_beside_a_pair(
        &service("name = ^\"a b\"\ncommand = [\"a\"]"),
        "service name \"a b\" must be without white space and control characters",
        "1 to 64 bytes",
    );
}

#[test]
fn servers_that_could_not_listen() {
    let http = |address: &str| format!("[[service]]\nnamespace = \"web\"\nhttp = ^\"{address}\"");
    wrong_beside_a_pair(&http("10.0.0.2:0"), "port 0 is not a port to listen on", "write \"10.0.0.2:80\"");
    wrong_beside_a_pair(
        &http("10.0.0.2"),
        "\"10.0.0.2\" is not an address and a port",
        "write \"10.0.0.2:80\"",
    );
    wrong_beside_a_pair(
        &http("fd00::2"),
        "\"fd00::2\" is not an address and a port",
        "write \"[fd00::2]:80\"",
    );
    wrong_beside_a_pair(
        &http("10.0.0.2:65536"),
        "\"10.0.0.2:65536\" is not an address and a port",
        "10.200.0.3:80",
    );
    wrong_beside_a_pair(
        &http("10.0.0.1:80"),
        "namespace web does not have the address 10.0.0.1",
        "10.0.0.1 is in root: write an address of web",
    );
    wrong_beside_a_pair(
        &http("10.0.0.9:80"),
        "namespace web does not have the address 10.0.0.9",
        "give an end of a link in web this address",
    );
    let twice = |first: &str, second: &str| {
        let first = http(first).replace('^', "");
        format!("{first}\n{}", http(second))
    };
    wrong_beside_a_pair(
        &twice("10.0.0.2:80", "10.0.0.2:80"),
        "namespace web has two servers on 10.0.0.2:80",
        "the first one is on line 9",
    );
    wrong_beside_a_pair(
        &twice("10.0.0.2:80", "[::]:80"),
        "namespace web has two servers on [::]:80",
        "line 9",
    );
    wrong_beside_a_pair(
        &twice("0.0.0.0:80", "10.0.0.2:80"),
        "namespace web has two servers on 10.0.0.2:80",
        "line 9",
    );
    let apart = twice("0.0.0.0:80", "[fd00::2]:80").replace('^', "");
    assert!(Lab::parse(&format!("{PAIR}{apart}"), "f", "f").is_ok());
}

#[test]
fn nameservers_that_nobody_can_ask() {
    let server = |address: &str| format!("nameservers = [^\"{address}\"]");
    wrong_in_namespace(&server("dns.example"), "\"dns.example\" is not an IP address", "write an address");
    wrong_in_namespace(&server("10.0.0.1:53"), "\"10.0.0.1:53\" is not an IP address", "write an address");
    wrong_in_namespace(&server("224.0.0.1"), "224.0.0.1 is no single host's address", "unicast");
}

#[test]
fn sysctls_that_are_not_a_namespaces_own() {
    let sysctl = |key: &str| format!("sysctls = {{ ^\"{key}\" = \"1\" }}");
    wrong_in_namespace(
        &sysctl("kernel.hostname"),
        "sysctl \"kernel.hostname\" does not start with `net.`",
        "settings of a network namespace",
    );
    for hostile in ["net..ipv4", "net.", "net.//.//.kernel.hostname", "net./.x"] {
        wrong_in_namespace(
            &sysctl(hostile),
            &format!("sysctl {hostile:?} has an empty part"),
            "as `sysctl` prints",
        );
    }
    wrong_in_namespace(
        "sysctls = { \"net.ipv4.ip_forward\" = ^\"1\\n\" }",
        "the value of sysctl \"net.ipv4.ip_forward\" has a NUL or a line break",
        "after the equals sign",
    );
}

#[test]
fn all_errors_of_a_file_are_reported_in_its_order() {
    let text = "name = web\n[[namespace]]\nname = \"a/b\"\n[[namespace]]\nnmae = \"c\"\n[[link]]\nmtu = 5\n\
                a = { namespace = \"c\", interface = \"x\", addresses = [\"10.0.0.0/24\", 7] }\n[[probe]]\n";
    let found = Lab::parse(text, "f", "f").unwrap_err();
    let places: Vec<_> = found.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 8), (3, 8), (5, 1), (6, 1), (7, 7), (8, 54), (8, 69), (9, 3)]);
}
