//! Readiness checks that check nothing.

use super::wrong_beside_a_pair;

fn wrong_check(marked: &str, message: &str, help: &str) {
    let service = "[[service]]\nnamespace = \"web\"\ncommand = [\"nginx\"]\n";
    wrong_beside_a_pair(&format!("{service}{marked}"), message, help);
}

#[test]
fn a_check_is_one_thing_that_can_be_tried() {
    wrong_check(
        "ready = ^{ timeout = \"5s\" }",
        "a readiness check lacks `tcp`, `http` or `command`",
        "ready = { tcp = ",
    );
    wrong_check(
        "ready = { tcp = \"10.0.0.2:80\", command = ^[\"true\"] }",
        "a readiness check has one of `tcp`, `http` and `command`",
        "keep one of them",
    );
    wrong_check(
        "ready = { tcp = ^\"10.0.0.2\" }",
        "\"10.0.0.2\" is not an address and a port",
        "10.0.0.2:80",
    );
    wrong_check(
        "ready = { tcp = \"10.0.0.2:80\", ^icmp = \"10.0.0.2\" }",
        "unknown key \"icmp\" in a readiness check",
        "tcp, http",
    );
    wrong_check("ready = { command = ^[] }", "`command` is empty", "a string each");
    wrong_check("ready = ^true", "`ready` must be a table, not a boolean", "ready = { tcp = ");
}

#[test]
fn its_time_is_neither_none_nor_for_ever() {
    wrong_check(
        "ready = { tcp = \"10.0.0.2:80\", timeout = ^\"1h\" }",
        "a time of 3600s is out of range",
        "100ms to 600s",
    );
    wrong_check("ready = { tcp = \"10.0.0.2:80\", timeout = ^\"soon\" }", "\"soon\" is no time", "1s");
}
