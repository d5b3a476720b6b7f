//! Impairments that a lab file declares: a delay, which needs netem, and a loss, whose filter shares the clsact with
//! netmon's own hooks where there is no TCX.

use std::{fs, process::Command, time::Duration};

use netmon_tests::{
    agent::{Agent, scrape},
    commands::netmon_says,
    eventually::eventually,
    host::left_behind,
    impaired::dropped_at,
    sandbox::{run, sandbox},
    tc::{egress_filters, qdisc},
};
use rustix::process::Signal;

const FILE: &str = "/run/sandbox/bad.toml";
const LAB: &str = "[[namespace]]\nname = \"far\"\n[[link]]\nname = \"line\"\n\
    a = { namespace = \"root\", interface = \"up0\", addresses = [\"10.33.0.1/24\"], impair = { delay = \"10ms\" } }\n\
    b = { namespace = \"far\", interface = \"up1\", addresses = [\"10.33.0.2/24\"], impair = { loss = \"50%\" } }\n";
const DELAY_SECONDS: f64 = 0.010;
/// Epochs are closed after a second at most; enough for an emulated machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_declared_delay_and_a_declared_loss_are_measured_each_in_its_direction() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns"]);
        let before = left_behind();
        fs::write(FILE, LAB).expect("a tmpfs");
        let agent = Agent::start([FILE]);
        run("sh", &["-c", "until ping -q -c 1 -W 1 10.33.0.2; do :; done"]);
        // ping fails if an answer is missing, as intended here.
        let pings =
            Command::new("ping").args(["-q", "-c", "60", "-i", "0.02", "-W", "1", "10.33.0.2"]).output();
        println!("{}", String::from_utf8_lossy(&pings.expect("ping is installed").stdout));
        eventually("the reported loss", PATIENCE, || {
            let metrics = scrape();
            let lost = metrics.sum("netmon_link_lost_packets_total", &[("from", "far")]);
            let unstamped = metrics.sum("netmon_unstamped_packets_total", &[("netns", "far")]);
            let dropped = dropped_at("far", "up1", &metrics);
            (lost > 0.0 && lost <= dropped && dropped <= lost + unstamped).then_some(())
        });
        let metrics = scrape();
        let to_far = [("from", "root")];
        assert_eq!(metrics.sum("netmon_link_lost_packets_total", &to_far), 0.0, "late is not lost");
        let count = metrics.sum("netmon_link_latency_seconds_count", &to_far);
        let mean = metrics.sum("netmon_link_latency_seconds_sum", &to_far) / count;
        println!("{count} packets to far, mean {mean:.6} s");
        assert!(count >= 60.0 && mean >= DELAY_SECONDS, "{count} packets, mean {mean} s");
        let (code, shown) = netmon_says(&["impair", "line"]);
        assert!(code == 0 && shown.contains("10ms") && shown.contains("50%"), "{shown}");
        assert!(qdisc("root", "up0", "netem").is_some());
        assert!(
            egress_filters("far", "up1").contains("netmon:loss=500000ppm"),
            "{}",
            egress_filters("far", "up1")
        );
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(left_behind(), before);
    });
}
