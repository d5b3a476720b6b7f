//! Addresses and routes that other programs add to a lab or change in it: what stays, and what `up` repairs.

use std::fs;

use netmon_tests::{
    agent::Agent,
    commands::{TakenDown, fails, netmon_says, succeeds},
    sandbox::{run, run_in, sandbox},
};
use rustix::process::Signal;

const FILE: &str = "/run/sandbox/hand.toml";
const NOTHING_TO_DO: &str = "lab hand: nothing to do";

/// Two namespaces with a link. `a` has what is given beside its first address.
fn write(more_addresses: &str, namespace: &str) {
    let text = format!(
        "name = \"hand\"\n[[namespace]]\nname = \"a\"\n{namespace}\n[[namespace]]\nname = \"b\"\n[[link]]\nname = \"l\"\n\
         a = {{ namespace = \"a\", interface = \"eth0\", addresses = [\"10.0.0.1/24\", \"fd00::1/64\"{more_addresses}] }}\n\
         b = {{ namespace = \"b\", interface = \"eth0\", addresses = [\"10.0.0.2/24\", \"fd00::2/64\"] }}\n"
    );
    fs::write(FILE, text).expect("a tmpfs");
}

fn addresses() -> String {
    run("ip", &["-n", "a", "-o", "address", "show", "dev", "eth0"])
}

fn route(family: &str) -> String {
    run("ip", &["-n", "a", family, "route", "show", "default"])
}

fn has_nothing_to_do() {
    let plan = succeeds(&["plan", FILE]);
    assert!(plan.contains(NOTHING_TO_DO), "{plan}");
}

fn pings(from: &str, to: &str) {
    run_in(from, "ping", &["-q", "-c", "1", "-W", "2", to]);
}

#[test]
fn addresses_that_other_programs_added_stay_whatever_changes_the_lab() {
    sandbox(|| {
        write("", "");
        let agent = Agent::start([FILE]);
        let theirs = ["10.0.0.77/24", "10.66.0.58/24", "fd66::5/64", "fe80::5/64"];
        for address in theirs {
            let lifetime = ["valid_lft", "600", "preferred_lft", "600"];
            let add = ["-n", "a", "address", "add", address, "dev", "eth0", "nodad"];
            run("ip", &[&add[..], &lifetime[..]].concat());
        }
        run("ip", &["-n", "a", "route", "add", "default", "via", "10.66.0.1"]);
        let stay = |when: &str| {
            let there = addresses();
            for address in theirs {
                assert!(there.contains(&format!("{address} ")), "{when}: {address} is missing\n{there}");
            }
            assert!(route("-4").contains("via 10.66.0.1"), "{when}");
        };
        has_nothing_to_do();
        succeeds(&["reload", FILE]);
        stay("after a reload of the same file");
        // The primary of a network goes, in which another program has an address.
        let text = fs::read_to_string(FILE).expect("it was written").replace("10.0.0.1/24", "10.0.0.5/24");
        fs::write(FILE, text).expect("a tmpfs");
        succeeds(&["up", FILE]);
        stay("after a change of the primary address");
        let there = addresses();
        assert!(there.contains("10.0.0.5/24") && !there.contains("10.0.0.1/24"), "{there}");
        pings("b", "10.0.0.5");
        pings("b", "10.0.0.77");
        let (status, _) = agent.end(Signal::INT);
        assert!(status.success(), "{status}");
        assert!(!run("ip", &["netns", "list"]).contains('a'), "the lab is removed with all of it");
    });
}

#[test]
fn an_address_that_the_file_had_is_removed_even_if_it_was_added_again_by_hand() {
    sandbox(|| {
        write(", \"10.5.0.1/24\", \"fd05::1/64\"", "");
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        for address in ["10.5.0.1/24", "fd05::1/64"] {
            run("ip", &["-n", "a", "address", "del", address, "dev", "eth0"]);
            run("ip", &["-n", "a", "address", "add", address, "dev", "eth0", "nodad"]);
        }
        has_nothing_to_do();
        write("", "");
        succeeds(&["up", FILE]);
        let there = addresses();
        assert!(!there.contains("10.5.0.1") && !there.contains("fd05::1"), "{there}");
    });
}

#[test]
fn an_address_whose_prefix_length_was_changed_by_hand_is_repaired() {
    sandbox(|| {
        write("", "");
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        for (before, after) in [("10.0.0.1/24", "10.0.0.1/16"), ("fd00::1/64", "fd00::1/80")] {
            run("ip", &["-n", "a", "address", "del", before, "dev", "eth0"]);
            run("ip", &["-n", "a", "address", "add", after, "dev", "eth0", "nodad"]);
        }
        succeeds(&["up", FILE]);
        let there = addresses();
        assert!(there.contains("10.0.0.1/24") && !there.contains("10.0.0.1/16"), "{there}");
        assert!(there.contains("fd00::1/64") && !there.contains("fd00::1/80"), "{there}");
        has_nothing_to_do();
    });
}

#[test]
fn a_link_local_address_of_the_file_is_kept_changed_and_removed_as_any_other() {
    sandbox(|| {
        write(", \"fe80::1/64\"", "");
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        has_nothing_to_do();
        succeeds(&["up", FILE]);
        run_in("b", "ping", &["-q", "-c", "1", "-W", "2", "fe80::1%eth0"]);
        write(", \"fe80::7/64\", \"10.7.0.1/24\"", "");
        succeeds(&["up", FILE]);
        let there = addresses();
        assert!(there.contains("fe80::7/64") && there.contains("10.7.0.1/24"), "{there}");
        assert!(!there.contains("fe80::1/64"), "{there}");
        assert_eq!(there.matches("inet6 fe80:").count(), 2, "the kernel's own stays: {there}");
        write("", "");
        succeeds(&["up", FILE]);
        assert_eq!(addresses().matches("inet6 fe80:").count(), 1, "{}", addresses());
    });
}

const ROUTES: &str =
    "routes = [{ to = \"default\", via = \"10.0.0.2\" }, { to = \"default\", via = \"fd00::2\" }]";

#[test]
fn a_route_that_was_replaced_by_hand_is_repaired_together_with_the_rest() {
    sandbox(|| {
        write("", ROUTES);
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        run("ip", &["-n", "a", "route", "replace", "default", "via", "10.0.0.3"]);
        run("ip", &["-n", "a", "-6", "route", "replace", "default", "via", "fd00::3"]);
        run("ip", &["-n", "a", "link", "set", "eth0", "mtu", "1300"]);
        let plan = succeeds(&["plan", FILE]);
        assert!(plan.contains("~ a: route to 0.0.0.0/0 via 10.0.0.2, not via 10.0.0.3"), "{plan}");
        assert!(plan.contains("~ a: route to ::/0 via fd00::2, not via fd00::3"), "{plan}");
        succeeds(&["up", FILE]);
        assert!(route("-4").contains("via 10.0.0.2") && route("-6").contains("via fd00::2"));
        assert!(run("ip", &["-n", "a", "link", "show", "eth0"]).contains("mtu 1500"));
        has_nothing_to_do();
    });
}

#[test]
fn a_next_hop_that_was_appended_by_hand_is_removed_again() {
    sandbox(|| {
        write("", ROUTES);
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        run("ip", &["-n", "a", "-6", "route", "append", "default", "via", "fd00::3"]);
        succeeds(&["up", FILE]);
        assert!(!route("-6").contains("fd00::3"), "{}", route("-6"));
        has_nothing_to_do();
    });
}

#[test]
fn a_route_that_was_there_first_is_a_conflict_before_anything_is_changed() {
    sandbox(|| {
        write("", "");
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        run("ip", &["-n", "a", "route", "add", "default", "via", "10.0.0.3"]);
        run("ip", &["-n", "a", "-6", "route", "add", "unreachable", "default", "metric", "1024"]);
        write(", \"10.7.0.1/24\"", ROUTES);
        for command in ["plan", "up"] {
            let said = fails(4, &[command, FILE]);
            assert!(
                said.contains("has a route to 0.0.0.0/0 via 10.0.0.3, which netmon did not add"),
                "{said}"
            );
            assert!(said.contains("a route to ::/0 that is unreachable"), "{said}");
            assert!(said.contains("nothing was changed"), "{said}");
        }
        assert!(!addresses().contains("10.7.0.1"), "nothing was changed");
        run("ip", &["-n", "a", "route", "delete", "0.0.0.0/0"]);
        run("ip", &["-n", "a", "-6", "route", "delete", "unreachable", "default"]);
        succeeds(&["up", FILE]);
        assert!(route("-4").contains("via 10.0.0.2") && route("-6").contains("via fd00::2"));
    });
}

#[test]
fn a_change_that_fails_restores_the_route_of_another_program() {
    sandbox(|| {
        write("", ROUTES);
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        run(
            "ip",
            &["-n", "a", "route", "replace", "default", "via", "10.0.0.3", "src", "10.0.0.1", "mtu", "1400"],
        );
        run(
            "ip",
            &[
                "-n", "a", "-6", "route", "replace", "default", "nexthop", "via", "fd00::3", "nexthop",
                "via", "fd00::4",
            ],
        );
        let before = (route("-4"), route("-6"));
        // The kernel refuses an IPv6 next hop that is an address of the namespace itself, such as one added by hand.
        run("ip", &["-n", "b", "address", "add", "fd00::9/128", "dev", "lo"]);
        let text = fs::read_to_string(FILE).expect("it was written");
        let wrong = "name = \"b\"\nroutes = [{ to = \"2001:db8::/32\", via = \"fd00::9\" }]\n";
        let broken = text.replace("name = \"b\"\n", wrong);
        fs::write(FILE, broken).expect("a tmpfs");
        let (code, said) = netmon_says(&["up", FILE]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("namespace b: cannot add route to 2001:db8::/32 via fd00::9"), "{said}");
        assert!(said.contains("; the changes before it were undone"), "{said}");
        assert_eq!((route("-4"), route("-6")), before, "{said}");
    });
}

#[test]
fn a_loopback_interface_that_was_set_down_is_repaired() {
    sandbox(|| {
        write("", "");
        succeeds(&["up", FILE]);
        let _down = TakenDown::of(FILE);
        run("ip", &["-n", "a", "link", "set", "lo", "down"]);
        assert!(succeeds(&["plan", FILE]).contains("~ a:lo: up"));
        succeeds(&["up", FILE]);
        pings("a", "127.0.0.1");
        has_nothing_to_do();
    });
}
