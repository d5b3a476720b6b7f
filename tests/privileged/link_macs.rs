//! Link-layer addresses that a lab file declares: set before traffic passes, and changed only where they differ.

use std::fs;

use netmon_tests::{
    commands::{netmon_says, succeeds},
    sandbox::{run, sandbox},
};

const FILE: &str = "/run/sandbox/macs.toml";

fn write(near: &str, far: &str) {
    let text = format!(
        "[[namespace]]\nname = \"near\"\n[[namespace]]\nname = \"far\"\n[[link]]\nname = \"cable\"\n\
         a = {{ namespace = \"near\", interface = \"eth0\", addresses = [\"10.43.0.1/24\"]{near} }}\n\
         b = {{ namespace = \"far\", interface = \"eth0\", addresses = [\"10.43.0.2/24\"]{far} }}\n"
    );
    fs::write(FILE, text).expect("a tmpfs");
}

/// Interface index and link-layer address of an end, as `ip` shows them.
fn end(namespace: &str) -> (String, String) {
    let line = run("ip", &["-n", namespace, "-o", "link", "show", "eth0"]);
    let index = line.split(':').next().expect("a number").to_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "link/ether").expect("an Ethernet address");
    (index, words[at + 1].to_owned())
}

#[test]
fn an_end_has_the_address_that_the_file_gives_and_only_a_difference_is_changed() {
    sandbox(|| {
        write(", mac = \"02:00:00:43:00:01\"", "");
        succeeds(&["up", FILE]);
        let (near, far) = (end("near"), end("far"));
        assert_eq!(near.1, "02:00:00:43:00:01");
        assert_ne!(far.1, near.1, "one of its own");
        // The IPv6 address is derived from the declared one.
        let local = run("ip", &["-n", "near", "-6", "-o", "address", "show", "scope", "link"]);
        assert!(local.contains("fe80::ff:fe43:1/64"), "{local}");
        run("ip", &["netns", "exec", "near", "ping", "-q", "-c", "1", "-W", "2", "10.43.0.2"]);
        let (code, plan) = netmon_says(&["plan", FILE]);
        assert!(code == 0 && !plan.contains("link-layer"), "{plan}");

        write(", mac = \"02:00:00:43:00:0a\"", ", mac = \"02:00:00:43:00:02\"");
        let plan = succeeds(&["plan", FILE]);
        assert_eq!(plan.matches("link-layer address").count(), 2, "{plan}");
        succeeds(&["up", FILE]);
        assert_eq!(end("near"), (near.0.clone(), "02:00:00:43:00:0a".to_owned()), "in place");
        assert_eq!(end("far"), (far.0, "02:00:00:43:00:02".to_owned()));

        // Without a declared address, it stays as it is.
        write("", ", mac = \"02:00:00:43:00:02\"");
        succeeds(&["up", FILE]);
        assert_eq!(end("near"), (near.0, "02:00:00:43:00:0a".to_owned()));
        succeeds(&["down", FILE]);
    });
}

#[test]
fn an_end_whose_address_the_file_gives_can_be_impaired() {
    sandbox(|| {
        write(", mac = \"02:00:00:43:00:01\"", "");
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        let (code, said) = netmon_says(&["impair", "cable", "--direction", "a-to-b", "--rate", "10mbit"]);
        assert_eq!(code, 0, "{said}");
        let qdiscs = run("ip", &["netns", "exec", "near", "tc", "qdisc", "show", "dev", "eth0"]);
        assert!(qdiscs.contains("rate 10Mbit"), "{qdiscs}");
        assert_eq!(netmon_says(&["down", FILE]).0, 0);
    });
}
