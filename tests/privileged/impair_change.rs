//! An impairment that is changed while it stands: what does not differ stays, with its counters, and what is somebody
//! else's stays in any case.

use std::time::Duration;

use netmon_tests::{
    agent::{Agent, Metrics, netmon_says, scrape},
    eventually::eventually,
    impaired::{FILE, dropped_at, know_each_other, send, sent_by_kernel, write},
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
        know_each_other();
        send(300);
        let (code, said) = impair(&["--loss", "50%", "--from", "root"]);
        assert_eq!(code, 0, "{said}");
        send(1000);
        let metrics = scrape();
        assert_eq!(sent(&metrics), 1300.0, "nothing is counted anew");
        assert_eq!(metrics.sum("netmon_impairment_loss_ratio", &[("from", "root")]), 0.5);
        assert_eq!(metrics.sum("netmon_impairment_rate_bytes_per_second", &[]), 12_500_000.0);
        let measured = eventually("the loss to be measured", PATIENCE, || {
            let (_, said) = impair(&["-o", "json"]);
            let json: serde_json::Value = serde_json::from_str(&said).ok()?;
            let measured = json["directions"][0]["measured"].clone();
            let dropped = dropped_at("root", "up0", &scrape());
            (measured["lost_segments"].as_u64()? as f64 == dropped).then_some(measured)
        });
        // What was sent before it was imposed is no part of it.
        let sent = measured["sent_segments"].as_u64().expect("a count");
        assert!((1000..1020).contains(&sent), "{measured}");
        assert!((400_000..600_000).contains(&measured["loss_ppm"].as_u64().expect("a share")), "{measured}");
        // The other direction was not spoken of, and the lab file does not say it.
        assert!(!qdiscs("far", "up1").contains("clsact"));
        let (_, planned) = netmon_says(&["plan", FILE]);
        assert!(planned.contains("~ root:up0: impair rate 100mbit"), "{planned}");
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert_eq!(netmon_says(&["plan", FILE]).1, "lab bad: nothing to do\n");
        assert!(!qdiscs("root", "up0").contains("clsact"));
        assert_eq!(impair(&["--clear"]).0, 0);
        assert!(!qdiscs("root", "up0").contains("tbf"));
        assert_eq!(scrape().count("netmon_impairment_rate_bytes_per_second", &[]), 0);
        let (_, shown) = impair(&[]);
        assert!(shown.contains("Nothing is done to the packets of link line"), "{shown}");
    });
}

#[test]
fn amounts_that_do_not_go_together_and_links_that_are_none_are_errors_of_usage() {
    sandbox(|| {
        write("");
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        let fails = |arguments: &[&str], part: &str| {
            let (code, said) = impair(arguments);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains(part), "{said}");
        };
        fails(&["--jitter", "1ms"], "a jitter of 1ms without a delay");
        fails(&["--loss", "200%"], "is not a share of packets");
        fails(&["--rate", "fast"], "is not a rate");
        fails(&["--rate", "1kbit"], "write a higher rate");
        fails(&["--loss", "1%", "--from", "elsewhere"], "has no end in elsewhere");
        let (code, said) = netmon_says(&["impair", "lyne", "--loss", "1%"]);
        assert_eq!(code, 2, "{said}");
        assert!(!qdiscs("root", "up0").contains("tbf"));
        // Without an agent it is done by the command itself.
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
        know_each_other();
        send(20);
        let before = qdisc("root", "up0", "tbf").expect("a token bucket");
        assert!(before.packets > 0);
        write("rate = \"10mbit\", loss = \"2%\"");
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert!(egress_filters("root", "up0").contains("netmon:loss=20000ppm,clsact"));
        write("rate = \"20mbit\", loss = \"2%\"");
        let (_, planned) = netmon_says(&["plan", FILE]);
        assert_eq!(
            planned,
            "lab bad: 1 step\n  set impairments:\n    ~ root:up0: impair loss 2%, rate 20mbit\n"
        );
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert!(qdiscs("root", "up0").contains("rate 20Mbit"), "{}", qdiscs("root", "up0"));
        let after = qdisc("root", "up0", "tbf").expect("a token bucket");
        assert!(after.packets >= before.packets && after.bytes >= before.bytes, "{before:?} {after:?}");
        assert_eq!(sent(&scrape()), 20.0);
        // A change that fails further on is taken back, this one with it.
        let file = std::fs::read_to_string(FILE).expect("a file");
        let wrong = file.replace("20mbit", "5mbit").replace("loss = \"2%\"", "loss = \"3%\"").replace(
            "name = \"far\"",
            "name = \"far\"\nsysctls = { \"net.ipv4.conf.up1.no_such_key\" = \"1\" }",
        );
        std::fs::write(FILE, wrong).expect("a tmpfs");
        let (code, said) = netmon_says(&["reload", FILE]);
        assert_eq!(code, 1, "{said}");
        assert!(qdiscs("root", "up0").contains("rate 20Mbit"), "{}", qdiscs("root", "up0"));
        assert!(egress_filters("root", "up0").contains("netmon:loss=20000ppm,clsact"));
    });
}

#[test]
fn what_is_somebody_elses_is_in_the_way_of_what_needs_its_place_and_is_there_at_the_end() {
    sandbox(|| {
        write("");
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        let tc = |words: &str| run("tc", &words.split(' ').collect::<Vec<_>>());
        tc("qdisc add dev up0 root handle 1: tbf rate 50mbit burst 10000 limit 100000");
        tc("qdisc add dev up0 clsact");
        tc("filter add dev up0 egress prio 9 protocol ip u32 match u32 0 0");
        let (theirs, filters) = (qdiscs("root", "up0"), egress_filters("root", "up0"));
        // Their queue is in the way of ours, and of nothing else.
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
        know_each_other();
        let before = sent_by_kernel("root", "up0");
        send(100);
        let sent = sent_by_kernel("root", "up0") - before;
        assert!(sent < 95.0, "{sent} of 100 were sent");
        assert_eq!(impair(&["--clear"]).0, 0);
        assert_eq!((qdiscs("root", "up0"), egress_filters("root", "up0")), (theirs.clone(), filters.clone()));
        // A filter of theirs where the loss would be.
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
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
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
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        let (_, said) = netmon_says(&["doctor"]);
        assert!(said.contains("none on the") && !said.contains("netmon:loss"), "{said}");
        let (code, said) = netmon_says(&["clean", "--yes"]);
        assert_eq!(code, 0, "{said}");
        assert!(egress_filters("root", "up0").contains("netmon:loss=10000ppm"), "the lab stands: {said}");
    });
}
