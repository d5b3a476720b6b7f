//! Impairments that cannot be.

use netmon_model::impairment::Impairment;

use super::{PAIR, wrong, wrong_beside_a_pair};

/// As [`wrong`], for `impair` of a link.
fn wrong_on_link(marked: &str, message: &str, help: &str) {
    wrong_beside_a_pair(marked, message, help);
}

/// As [`wrong`], for `impair` of end `a`.
fn wrong_at_end(marked: &str, message: &str, help: &str) {
    let text = PAIR.replacen("\"fd00::1/64\"] }", &format!("\"fd00::1/64\"], {marked} }}"), 1);
    wrong(&text, message, help);
}

#[test]
fn amounts_that_are_none() {
    wrong_at_end("impair = { delay = ^\"10\" }", "\"10\" is no delay", "for example \"10ms\"");
    wrong_at_end("impair = { delay = ^\"-1ms\" }", "\"-1ms\" is no delay", "a number and ns, us, ms or s");
    wrong_at_end("impair = { delay = ^10 }", "`delay` must be a string, not an integer", "delay = \"10ms\"");
    wrong_at_end("impair = { loss = ^\"1\" }", "\"1\" is no share of packets", "for example \"0.5%\"");
    wrong_at_end("impair = { loss = ^\"101%\" }", "\"101%\" is no share of packets", "\"0%\" to \"100%\"");
    wrong_at_end("impair = { loss = ^0.01 }", "`loss` must be a string, not a float", "loss = \"1%\"");
    wrong_on_link("impair = { rate = ^\"10Mbps\" }", "\"10Mbps\" is no rate", "kbit, mbit or gbit");
    wrong_on_link("impair = { rate = ^\"0mbit\" }", "\"0mbit\" is no rate", "1kbit to 100gbit");
    wrong_on_link("impair = { rate = ^\"1001bit\" }", "\"1001bit\" is no rate", "whole bytes");
}

#[test]
fn amounts_that_do_not_go_together() {
    wrong_at_end(
        "impair = { jitter = ^\"1ms\" }",
        "a jitter of 1ms without a delay",
        "add the delay that it varies",
    );
    wrong_on_link(
        "impair = { delay = \"1ms\", jitter = ^\"2ms\" }",
        "a jitter of 2ms is more than the delay of 1ms",
        "as much as the delay, or less",
    );
    wrong_on_link(
        "impair = { delay = ^\"3s\", jitter = \"2s\" }",
        "packets may be held for 5.0 s",
        "4 s at most",
    );
    wrong_on_link(
        "mtu = 9000\nimpair = { rate = ^\"32kbit\" }",
        "at this rate packets of 9000 bytes may be held for 22.5 s",
        "write a higher rate or a smaller `mtu`",
    );
}

#[test]
fn a_key_that_is_none_an_empty_table_and_no_table() {
    wrong_at_end(
        "impair = { ^latency = \"10ms\" }",
        "unknown key \"latency\" in `impair`",
        "delay, jitter, loss, rate",
    );
    wrong_at_end("impair = ^{ }", "`impair` is empty", "or take it out");
    wrong_on_link("impair = ^\"1%\"", "`impair` must be a table, not a string", "loss = \"1%\"");
}

#[test]
fn a_link_and_its_end_do_not_both_say_it() {
    let text = PAIR.replacen("\"fd00::1/64\"] }", "\"fd00::1/64\"], impair = ^{ loss = \"1%\" } }", 1);
    wrong(
        &format!("{text}impair = {{ loss = \"2%\" }}"),
        "this end is impaired by the link's `impair` on line 7 already",
        "keep one of them",
    );
}

#[test]
fn what_is_written_for_a_link_is_for_both_directions_and_for_an_end_for_what_leaves_it() {
    let of = |text: &str| crate::parse(text, "f", "f").unwrap().links.remove(0);
    let both = of(&format!("{PAIR}impair = {{ loss = \"1%\", rate = \"10mbit\", delay = \"0ms\" }}"));
    assert_eq!(both.a.impairment.to_string(), "loss 1%, rate 10mbit");
    assert_eq!(both.a.impairment, both.b.impairment);
    let one = of(&PAIR.replacen("\"fd00::2/64\"] }", "\"fd00::2/64\"], impair = { delay = \"1ms\" } }", 1));
    assert_eq!(
        (one.a.impairment, one.b.impairment.to_string()),
        (Impairment::default(), "delay 1ms".to_owned())
    );
}
