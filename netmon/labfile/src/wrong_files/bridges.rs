//! Bridges and their ports.

use std::fmt::Write as _;

use super::{wrong, wrong_beside_a_pair, wrong_in_end};

#[test]
fn bridges_that_cannot_be() {
    let bridge = |rest: &str| format!("[[bridge]]\nname = \"br0\"\nnamespace = \"root\"\n{rest}");
    wrong_beside_a_pair(
        "\n[[bridge]]\nname = ^\"lo\"\nnamespace = \"root\"",
        "`lo` cannot be a bridge",
        "another name",
    );
    wrong_beside_a_pair(
        "\n[[bridge]]\nname = ^\"a-name-that-is-too-long\"\nnamespace = \"root\"",
        "interface name \"a-name-that-is-too-long\" is 23 bytes long, 15 is the most",
        "1 to 15 bytes",
    );
    wrong_beside_a_pair(
        &format!("\n{}\n[[bridge]]\nname = ^\"br0\"\nnamespace = \"root\"", bridge("")),
        "namespace root has two interfaces br0",
        "give this one another name",
    );
    wrong_beside_a_pair(
        "\n[[bridge]]\nname = \"br0\"\nnamespace = ^\"nowhere\"",
        "there is no namespace \"nowhere\" in this lab",
        "declare it",
    );
    wrong_in_end(
        "namespace = \"root\", interface = \"a\", bridge = ^\"br0\"",
        "there is no bridge \"br0\" in namespace root",
        "declare it: [[bridge]]",
    );
}

#[test]
fn ports_that_cannot_be() {
    let lab = |first: &str, second: &str, more: &str| {
        format!(
            "[[namespace]]\nname = \"n\"\n\
             [[bridge]]\nname = \"br0\"\nnamespace = \"root\"\n[[bridge]]\nname = \"br1\"\nnamespace = \"n\"\n\
             [[link]]\na = {{ namespace = \"root\", interface = \"a\", {first} }}\n\
             b = {{ namespace = \"n\", interface = \"b\", {second} }}\n{more}"
        )
    };
    wrong(
        &lab("bridge = ^\"br0\", addresses = [\"10.0.0.1/24\"]", "bridge = \"br1\"", ""),
        "a port of bridge br0 cannot have the address 10.0.0.1/24",
        "give it to the bridge",
    );
    wrong(
        &lab("bridge = ^\"br1\"", "bridge = \"br1\"", ""),
        "there is no bridge \"br1\" in namespace root",
        "it is in n: a port is in its bridge's namespace",
    );
    let again = "[[link]]\na = { namespace = \"root\", interface = \"c\", bridge = \"br0\" }\n\
                 b = { namespace = \"n\", interface = \"d\", bridge = ^\"br1\" }\n";
    let loop_ = lab("bridge = \"br0\"", "bridge = \"br1\"", again);
    wrong(&loop_, "the link closes a loop of bridges: br0 and br1 are joined already", "take the link out");
}

#[test]
fn a_bridge_has_so_many_ports() {
    let mut text = "[[bridge]]\nname = \"br0\"\nnamespace = \"root\"\n".to_owned();
    for port in 0..=crate::MOST_PORTS {
        let _ = write!(
            text,
            "[[namespace]]\nname = \"n{port}\"\n[[link]]\n\
             a = {{ namespace = \"root\", interface = \"p{port}\", bridge = \"br0\" }}\n\
             b = {{ namespace = \"n{port}\", interface = \"eth0\" }}\n"
        );
    }
    let errors = crate::parse(&text, "f", "f").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("has more than 1023 ports"), "{}", errors[0]);
}
