//! Services, name servers and sysctls that could not work.

use super::{PAIR, wrong_beside_a_pair, wrong_in_namespace};

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
    assert!(crate::parse(&format!("{PAIR}{apart}"), "f", "f").is_ok());
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
