//! Probes that cannot be sent, or are there twice.

use netmon_model::text::quoted;

use super::{PAIR, wrong, wrong_beside_a_pair};

/// One whose keys are `marked`, beside a link `root:veth0--web:veth1`.
fn wrong_probe(marked: &str, message: &str, help: &str) {
    wrong_beside_a_pair(&format!("[[probe]]\nfrom = \"root\"\n{marked}"), message, help);
}

#[test]
fn what_is_probed_is_one_thing_and_no_command() {
    wrong_beside_a_pair(
        "^[[probe]]\nfrom = \"root\"",
        "[[probe]] lacks `icmp`, `tcp`, `http` or `dns`",
        "icmp = \"10.9.0.2\"",
    );
    wrong_probe(
        "icmp = \"10.0.0.2\"\nhttp = ^\"http://10.0.0.2/\"",
        "a probe has one of `icmp`, `tcp`, `http` and `dns`",
        "another [[probe]]",
    );
    wrong_probe("icmp = \"10.0.0.2\"\n^command = [\"true\"]", "unknown key \"command\" in [[probe]]", "from");
    wrong_beside_a_pair("^[[probe]]\nicmp = \"10.0.0.2\"", "[[probe]] lacks `from`", "add from = ");
    wrong_beside_a_pair(
        "[[probe]]\nfrom = ^\"wbe\"\nicmp = \"10.0.0.2\"",
        "there is no namespace \"wbe\" in this lab",
        "did you mean \"web\"?",
    );
    wrong_probe("icmp = ^\"ff02::1\"", "ff02::1 is no single host's address", "unicast");
    wrong_probe("tcp = ^\"10.0.0.2\"", "\"10.0.0.2\" is not an address and a port", "10.0.0.2:80");
}

#[test]
fn a_question_has_a_server_a_name_and_a_type() {
    wrong_probe("dns = ^\"10.0.0.2:53\"", "`dns` lacks `query`", "query = \"example.test\"");
    wrong_probe("icmp = \"10.0.0.2\"\nquery = ^\"a.test\"", "`query` belongs to `dns`", "take `query` out");
    wrong_probe("icmp = \"10.0.0.2\"\ntype = ^\"A\"", "`type` belongs to `dns`", "take `type` out");
    let long = "a".repeat(64);
    for name in ["", "a..b", "..", "a b", "caf\u{e9}.test", &long, &"abc.".repeat(64)] {
        let marked = format!("dns = \"10.0.0.2:53\"\nquery = ^\"{name}\"");
        wrong_probe(&marked, &format!("{} is no DNS name", quoted(name)), "example.test");
    }
    let marked = "dns = \"10.0.0.2:53\"\nquery = \"a.test\"\ntype = ^\"AAA\"";
    wrong_probe(marked, "\"AAA\" is no type of DNS record that is known here", "A, NS, CNAME");
    wrong_probe("icmp = \"10.0.0.2\"\nstatus = ^200", "only `http` is answered with a status", "take");
}

#[test]
fn intervals_are_times_and_attempts_end_within_them() {
    let icmp = |rest: &str| format!("icmp = \"10.0.0.2\"\n{rest}");
    wrong_probe(&icmp("interval = ^\"1\""), "\"1\" is no time", "10ms");
    wrong_probe(&icmp("interval = ^\"1ms\""), "a time of 1ms is out of range", "10ms to 3600s");
    wrong_probe(&icmp("interval = ^\"2h\""), "a time of 7200s is out of range", "10ms to 3600s");
    wrong_probe(&icmp("timeout = ^\"2s\""), "a time of 2s is out of range", "10ms to 1s");
    wrong_probe(
        &icmp("interval = \"100ms\"\ntimeout = ^\"200ms\""),
        "a time of 200ms is out of range",
        "10ms to 100ms",
    );
}

#[test]
fn two_probes_of_one_target_need_names() {
    let probe = "[[probe]]\nfrom = \"root\"\nicmp = \"10.0.0.2\"\n";
    let second = format!("{PAIR}{probe}^{probe}");
    wrong(&second, "there are two icmp probes of 10.0.0.2 from root", "the first one is on line 7");
    let named = format!("{PAIR}{probe}^{probe}name = \"10.0.0.2\"\n");
    wrong(&named, "there are two icmp probes of 10.0.0.2 from root", "give this one a `name`");
    wrong_probe(
        "icmp = \"10.0.0.2\"\nname = ^\"a b\"",
        "\"a b\" is no name for a probe's target",
        "white space",
    );
}
