//! Changes of an impairment: what does not differ stays, with its counters, and foreign objects stay in any case.

use std::time::Duration;

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::{fails, netmon_says, succeeds},
    eventually::eventually,
    impaired::{FILE, dropped_at, send, sent_by_kernel, set_neighbours, write},
    sandbox::{run, sandbox},
    tc::{egress_filters, qdisc, qdiscs},
};

const PATIENCE: Duration = Duration::from_secs(20);

fn sent(metrics: &Metrics) -> f64 {
    let labels = [("link", "line"), ("interface", "up0"), ("direction", "egress"), ("protocol", "udp")];
    metrics.sum("netmon_packets_total", &labels)
}

fn impair(arguments: &[&str]) -> (i32, String) {
    netmon_says(&[&["impair", "line"], arguments].concat())
}

#[test]
fn a_live_change_keeps_the_links_counters_and_is_measured_from_then_on() {
    sandbox(|| {
        write("rate = \"100mbit\"");
        let _agent = Agent::start([FILE]);
        set_neighbours();
        send(300);
        let (code, said) = impair(&["--loss", "50%", "--from", "root"]);
        assert_eq!(code, 0, "{said}");
        send(1000);
        let metrics = scrape();
        assert_eq!(sent(&metrics), 1300.0, "the counts continue");
        assert_eq!(metrics.sum("netmon_impairment_loss_ratio", &[("from", "root")]), 0.5);
        assert_eq!(metrics.sum("netmon_impairment_rate_bytes_per_second", &[]), 12_500_000.0);
        let measured = eventually("the measured loss", PATIENCE, || {
            let (_, said) = impair(&["-o", "json"]);
            let json: serde_json::Value = serde_json::from_str(&said).ok()?;
            let measured = json["directions"][0]["measured"].clone();
            let dropped = dropped_at("root", "up0", &scrape());
            (measured["lost_segments"].as_u64()? as f64 == dropped).then_some(measured)
        });
        // Packets sent before it was imposed are not included.
        let sent = measured["sent_segments"].as_u64().expect("a count");
        assert!((1000..1020).contains(&sent), "{measured}");
        assert!((400_000..600_000).contains(&measured["loss_ppm"].as_u64().expect("a share")), "{measured}");
        // The command did not name the other direction, and the lab file does not declare it.
        assert!(!qdiscs("far", "up1").contains("clsact"));
        let planned = succeeds(&["plan", FILE]);
        assert!(planned.contains("~ root:up0: impair rate 100mbit"), "{planned}");
        succeeds(&["reload", FILE]);
        assert_eq!(succeeds(&["plan", FILE]), "lab bad: nothing to do\n");
        assert!(!qdiscs("root", "up0").contains("clsact"));
        assert_eq!(impair(&["--clear"]).0, 0);
        assert!(!qdiscs("root", "up0").contains("tbf"));
        assert_eq!(scrape().count("netmon_impairment_rate_bytes_per_second", &[]), 0);
        let (_, shown) = impair(&[]);
        assert!(shown.contains("Link line has no impairment"), "{shown}");
    });
}

#[test]
fn amounts_that_do_not_go_together_and_links_that_are_none_are_errors_of_usage() {
    sandbox(|| {
        write("");
        succeeds(&["up", FILE]);
        let refused = |arguments: &[&str], part: &str| {
            let (code, said) = impair(arguments);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains(part), "{said}");
        };
        refused(&["--jitter", "1ms"], "a jitter of 1ms without a delay");
        refused(&["--loss", "200%"], "is not a share of packets");
        refused(&["--rate", "fast"], "is not a rate");
        refused(&["--rate", "1kbit"], "write a higher rate");
        refused(&["--loss", "1%", "--from", "elsewhere"], "has no end in elsewhere");
        fails(2, &["impair", "lyne", "--loss", "1%"]);
        assert!(!qdiscs("root", "up0").contains("tbf"));
        // Without an agent, the command changes it itself.
        assert_eq!(impair(&["--rate", "1mbit", "--direction", "b-to-a"]).0, 0);
        assert!(qdiscs("far", "up1").contains("tbf 6e6d:") && !qdiscs("root", "up0").contains("tbf"));
        assert_eq!(impair(&["--rate", "none"]).0, 0);
        assert!(!qdiscs("far", "up1").contains("tbf"));
    });
}

#[test]
fn a_reload_changes_only_the_amount_that_differs() {
    sandbox(|| {
        write("rate = \"10mbit\", loss = \"1%\"");
        let _agent = Agent::start([FILE]);
        set_neighbours();
        send(20);
        let before = qdisc("root", "up0", "tbf").expect("a token bucket");
        assert!(before.packets > 0);
        write("rate = \"10mbit\", loss = \"2%\"");
        succeeds(&["reload", FILE]);
        assert!(egress_filters("root", "up0").contains("netmon:loss=20000ppm,clsact"));
        write("rate = \"20mbit\", loss = \"2%\"");
        let planned = succeeds(&["plan", FILE]);
        assert_eq!(
            planned,
            "lab bad: 1 step\n  set impairments:\n    ~ root:up0: impair loss 2%, rate 20mbit\n"
        );
        succeeds(&["reload", FILE]);
        assert!(qdiscs("root", "up0").contains("rate 20Mbit"), "{}", qdiscs("root", "up0"));
        let after = qdisc("root", "up0", "tbf").expect("a token bucket");
        assert!(after.packets >= before.packets && after.bytes >= before.bytes, "{before:?} {after:?}");
        assert_eq!(sent(&scrape()), 20.0);
        // A change that fails in a later step is undone, including this one.
        let file = std::fs::read_to_string(FILE).expect("a file");
        let wrong = file.replace("20mbit", "5mbit").replace("loss = \"2%\"", "loss = \"3%\"").replace(
            "name = \"far\"",
            "name = \"far\"\nroutes = [{ to = \"10.99.0.0/16\", via = \"10.33.0.9\" }]",
        );
        // The kernel refuses a next hop that it does not reach: the network of the link was reduced by hand.
        run("ip", &["-n", "far", "route", "add", "10.33.0.1/32", "dev", "up1"]);
        run("ip", &["-n", "far", "route", "delete", "10.33.0.0/24"]);
        std::fs::write(FILE, wrong).expect("a tmpfs");
        fails(1, &["reload", FILE]);
        assert!(qdiscs("root", "up0").contains("rate 20Mbit"), "{}", qdiscs("root", "up0"));
        assert!(egress_filters("root", "up0").contains("netmon:loss=20000ppm,clsact"));
    });
}

#[test]
fn a_foreign_qdisc_or_filter_in_the_way_of_an_impairment_is_a_conflict() {
    sandbox(|| {
        write("");
        succeeds(&["up", FILE]);
        let tc = |words: &str| run("tc", &words.split(' ').collect::<Vec<_>>());
        tc("qdisc add dev up0 root handle 1: tbf rate 50mbit burst 10000 limit 100000");
        tc("qdisc add dev up0 clsact");
        tc("filter add dev up0 egress prio 9 protocol ip u32 match u32 0 0");
        let (theirs, filters) = (qdiscs("root", "up0"), egress_filters("root", "up0"));
        // A foreign queue conflicts with netmon's queue, and with nothing else.
        let conflict = |(code, said): (i32, String)| {
            assert_eq!(code, 4, "{said}");
            assert!(said.contains("a qdisc tbf that is not netmon's"), "{said}");
            assert_eq!(
                (qdiscs("root", "up0"), egress_filters("root", "up0")),
                (theirs.clone(), filters.clone())
            );
        };
        conflict(impair(&["--rate", "1mbit"]));
        write("rate = \"1mbit\", loss = \"1%\"");
        conflict(netmon_says(&["up", FILE]));
        conflict(netmon_says(&["plan", FILE]));
        assert_eq!(impair(&["--loss", "30%", "--from", "root"]).0, 0);
        assert!(egress_filters("root", "up0").contains("netmon:loss=300000ppm"));
        assert!(!egress_filters("root", "up0").contains("ppm,clsact"), "the clsact was there before");
        set_neighbours();
        let before = sent_by_kernel("root", "up0");
        send(100);
        let sent = sent_by_kernel("root", "up0") - before;
        assert!(sent < 95.0, "{sent} of 100 were sent");
        assert_eq!(impair(&["--clear"]).0, 0);
        assert_eq!((qdiscs("root", "up0"), egress_filters("root", "up0")), (theirs.clone(), filters.clone()));
        // A foreign filter at the priority that the loss would have.
        tc("filter add dev up0 egress prio 2 protocol ip u32 match u32 0 0");
        let (code, said) = impair(&["--loss", "1%", "--from", "root"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("the egress filter u32"), "{said}");
        assert_eq!(qdiscs("root", "up0"), theirs);
    });
}

#[test]
fn a_filter_that_comes_later_keeps_the_clsact_that_came_with_the_loss() {
    sandbox(|| {
        write("loss = \"1%\"");
        succeeds(&["up", FILE]);
        run(
            "tc",
            &"filter add dev up0 ingress prio 9 protocol ip u32 match u32 0 0".split(' ').collect::<Vec<_>>(),
        );
        assert_eq!(impair(&["--clear"]).0, 0);
        assert!(qdiscs("root", "up0").contains("clsact") && egress_filters("root", "up0").is_empty());
        let ingress = run("tc", &["filter", "show", "dev", "up0", "ingress"]);
        assert!(ingress.contains("u32"), "{ingress}");
    });
}

#[test]
fn doctor_and_clean_take_a_loss_for_netmons_own() {
    sandbox(|| {
        write("loss = \"1%\"");
        succeeds(&["up", FILE]);
        let said = succeeds(&["doctor"]);
        assert!(said.contains("none on the") && !said.contains("netmon:loss"), "{said}");
        let said = succeeds(&["clean", "--yes"]);
        assert!(egress_filters("root", "up0").contains("netmon:loss=10000ppm"), "the lab stands: {said}");
    });
}
