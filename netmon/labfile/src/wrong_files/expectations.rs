//! Expectations that say nothing, or too much.

use super::wrong_beside_a_pair;

/// One whose keys are `marked`, beside a link `root:veth0--web:veth1`.
fn wrong_expectation(marked: &str, message: &str, help: &str) {
    wrong_beside_a_pair(&format!("[[expect]]\nfrom = \"root\"\n{marked}"), message, help);
}

#[test]
fn what_is_tried_is_one_thing_and_can_be_tried() {
    wrong_beside_a_pair(
        "^[[expect]]\nfrom = \"root\"",
        "[[expect]] lacks `icmp`, `tcp`, `http`, `dns` or `command`",
        "icmp = \"10.9.0.2\"",
    );
    wrong_expectation(
        "icmp = \"10.0.0.2\"\ntcp = ^\"10.0.0.2:80\"",
        "an expectation has one of `icmp`, `tcp`, `http`, `dns` and `command`",
        "another [[expect]]",
    );
    wrong_beside_a_pair(
        "[[expect]]\nfrom = ^\"wbe\"\nicmp = \"10.0.0.2\"",
        "there is no namespace \"wbe\" in this lab",
        "did you mean \"web\"?",
    );
    for url in ["https://10.0.0.2/", "http://web/", "10.0.0.2", "http://"] {
        wrong_expectation(
            &format!("http = ^\"{url}\""),
            &format!("\"{url}\" is no URL of plain HTTP with an address in it"),
            "names are not looked up",
        );
    }
    wrong_expectation("command = ^[]", "`command` is empty", "a string each");
}

#[test]
fn bounds_that_are_none() {
    let icmp = |rest: &str| format!("icmp = \"10.0.0.2\"\n{rest}");
    wrong_expectation(&icmp("count = ^0"), "a count of 0 is out of range", "1 to 10000");
    wrong_expectation(
        &icmp("reachable = ^\"no\""),
        "`reachable` must be true or false, not a string",
        "false",
    );
    wrong_expectation(&icmp("status = ^200"), "only `http` is answered with a status", "take `status` out");
    wrong_expectation(
        "http = \"http://10.0.0.2/\"\nstatus = ^99",
        "there is no HTTP status 99",
        "100 to 599",
    );
    for share in ["1", "101%", "-1%", "x%", "NaN%"] {
        let marked = icmp(&format!("lost_at_most = ^\"{share}\""));
        wrong_expectation(&marked, &format!("\"{share}\" is no share"), "0.5%");
    }
    for time in ["5", "0ms", "-1ms", "soon"] {
        let marked = icmp(&format!("p50_below = ^\"{time}\""));
        wrong_expectation(&marked, &format!("\"{time}\" is no time"), "10ms");
    }
    wrong_expectation(
        &icmp("reachable = false\np99_below = ^\"1ms\""),
        "`p99_below` says nothing of what is not reached",
        "take it out",
    );
}

#[test]
fn a_latency_of_no_link() {
    wrong_expectation(
        "icmp = \"10.0.0.2\"\nlink_latency_below = ^\"1ms\"",
        "`link_latency_below` is about the links of `crosses`, and there are none",
        "add the links",
    );
    wrong_expectation(
        "icmp = \"10.0.0.2\"\ncrosses = [\"root:veth0--web:veth1\"]\nlink_latency_below = ^\"1\"",
        "\"1\" is no time",
        "10ms",
    );
}

#[test]
fn throughputs_that_cannot_be_measured() {
    let tcp = |rest: &str| format!("tcp = \"10.0.0.2:99\"\n{rest}");
    for rate in ["100", "0mbit", "fast", "-1mbit"] {
        let marked = tcp(&format!("throughput_at_least = ^\"{rate}\""));
        wrong_expectation(&marked, &format!("\"{rate}\" is no rate"), "10mbit");
    }
    wrong_expectation(
        "icmp = \"10.0.0.2\"\nthroughput_at_least = ^\"1mbit\"",
        "only `tcp` and `http` carry a load",
        "take `throughput_at_least` out",
    );
    wrong_expectation(
        "tcp = \"10.0.0.9:99\"\nthroughput_at_least = ^\"1mbit\"",
        "no namespace of this lab has the address 10.0.0.9",
        "or use `http`",
    );
    wrong_expectation(
        &tcp("reachable = false\nthroughput_at_least = ^\"1mbit\""),
        "`throughput_at_least` says nothing of what is not reached",
        "take it out",
    );
}

#[test]
fn links_that_are_not_there() {
    wrong_expectation(
        "icmp = \"10.0.0.2\"\ncrosses = [^\"root:veth0--web:veth2\"]",
        "there is no link \"root:veth0--web:veth2\" in this lab",
        "did you mean \"root:veth0--web:veth1\"?",
    );
}
