//! `netmon trace` of packets that do not arrive: the last place that saw them, and the kernel's reason.

use std::process::Command;

use netmon_model::{
    names::Direction,
    trace::{Dropped, LastSeen, Leg, Loss, Outcome, Trace},
};
use netmon_tests::{
    commands::{TakenDown, fails, succeeds},
    lab_files::shipped,
    sandbox::{run_in, sandbox},
    skip::skip,
    traced::traced,
};

const NOT_ARRIVED: i32 = 5;

fn in_router_lab(test: impl FnOnce() + Send) {
    sandbox(|| {
        let file = shipped("router.toml");
        let down: &'static str = file.clone().leak();
        let _down = TakenDown::of(down);
        succeeds(&["up", &file]);
        // The neighbours resolve each other's addresses first.
        run_in("client", "ping", &["-q", "-c", "1", "10.206.2.2"]);
        test();
    });
}

fn loss(arguments: &[&str]) -> (Trace, Loss) {
    let (code, trace) = traced(&[arguments, &["-c", "2", "--timeout", "0.3"]].concat());
    assert_eq!((code, trace.arrived), (NOT_ARRIVED, 0), "{:?}", trace.sentences);
    let loss = trace.loss.clone().expect("a loss");
    println!("{}", trace.sentences.join(" "));
    (trace, loss)
}

fn assert_last(loss: &Loss, namespace: &str, interface: &str, hook: Direction) {
    let LastSeen { place, .. } = loss.last.as_ref().expect("a hook saw it");
    assert_eq!(
        (place.namespace.as_str(), place.interface.as_str(), place.hook),
        (namespace, interface, hook)
    );
}

fn assert_dropped(loss: &Loss, expected: &str, why: &str) {
    let Dropped { namespace, reason, .. } = loss.dropped.as_ref().expect("a drop");
    assert_eq!((namespace.as_deref(), reason.as_str()), (Some(expected), why));
}

#[test]
fn a_packet_that_nftables_drops_in_the_router_was_last_seen_there() {
    in_router_lab(|| {
        if Command::new("nft").arg("--version").output().is_err() {
            return skip("nft (package nftables) is not installed");
        }
        let rules = "table inet t { chain c { type filter hook forward priority 0; policy drop; }; }";
        run_in("router", "nft", &[rules]);
        for more in [&[][..], &["--tcp", "80"]] {
            let (trace, loss) = loss(&[&["client", "10.206.2.2"], more].concat());
            assert_last(&loss, "router", "to-client", Direction::Ingress);
            assert_dropped(&loss, "router", "NETFILTER_DROP");
            assert!(trace.sentences[0].contains("a rule of nftables"), "{:?}", trace.sentences);
        }
    });
}

#[test]
fn a_packet_that_nftables_drops_on_its_way_back_was_last_seen_there() {
    in_router_lab(|| {
        if Command::new("nft").arg("--version").output().is_err() {
            return skip("nft (package nftables) is not installed");
        }
        let rules =
            "table inet t { chain c { type filter hook forward priority 0; iifname \"to-server\" drop; }; }";
        run_in("router", "nft", &[rules]);
        let (_, loss) = loss(&["client", "10.206.2.2"]);
        assert_last(&loss, "router", "to-server", Direction::Ingress);
        assert_dropped(&loss, "router", "NETFILTER_DROP");
    });
}

#[test]
fn a_packet_without_a_way_on_is_dropped_in_the_router() {
    in_router_lab(|| {
        run_in("router", "ip", &["route", "add", "blackhole", "10.206.2.2/32"]);
        let (_, loss) = loss(&["client", "10.206.2.2"]);
        assert_last(&loss, "router", "to-client", Direction::Ingress);
        let dropped = loss.dropped.expect("a drop");
        assert_eq!(dropped.namespace.as_deref(), Some("router"));
    });
}

#[test]
fn an_error_in_place_of_an_answer_is_told() {
    in_router_lab(|| {
        run_in("router", "ip", &["route", "add", "unreachable", "10.206.2.2/32"]);
        let (trace, loss) = loss(&["client", "10.206.2.2"]);
        assert_eq!(trace.runs[1].outcome, Outcome::Refused);
        assert_eq!(loss.error.as_deref(), Some("host unreachable"));
        assert!(
            trace.sentences.iter().any(|text| text.contains("refused by namespace router")),
            "{trace:#?}"
        );
    });
}

/// The kernel goes on trying: an error about a SYN may pass. The way of the error is known all the same.
#[test]
fn an_error_about_a_connection_is_seen_on_its_way_back() {
    in_router_lab(|| {
        run_in("router", "ip", &["route", "add", "unreachable", "10.206.2.2/32"]);
        let (_, loss) = loss(&["client", "10.206.2.2", "--tcp", "80"]);
        assert_eq!(loss.last.as_ref().expect("a hook saw it").leg, Leg::Error);
        assert_last(&loss, "client", "eth0", Direction::Ingress);
    });
}

#[test]
fn a_closed_port_refuses_and_the_way_is_known() {
    in_router_lab(|| {
        let (trace, loss) = loss(&["client", "server", "--tcp", "443"]);
        assert_eq!(trace.runs[1].outcome, Outcome::Refused);
        assert!(loss.error.is_some_and(|error| error.contains("refused")));
        assert_eq!((trace.rungs.len(), loss.dropped), (7, None));
    });
}

#[test]
fn a_packet_that_cannot_be_sent_says_why() {
    in_router_lab(|| {
        run_in("client", "ip", &["route", "del", "default"]);
        let (trace, loss) = loss(&["client", "10.206.2.2"]);
        assert_eq!(trace.runs[0].outcome, Outcome::Failed);
        assert!(loss.last.is_none() && loss.error.is_some(), "{loss:?}");
    });
}

#[test]
fn what_does_not_exist_is_an_error_that_names_what_does() {
    in_router_lab(|| {
        let said = fails(2, &["trace", "cleint", "server"]);
        assert!(
            said.contains("there is no namespace cleint; there are: root, client, router, server"),
            "{said}"
        );
        let said = fails(2, &["trace", "client", "sevrer"]);
        assert!(said.contains("sevrer is no address, no URL and no namespace"), "{said}");
    });
}
