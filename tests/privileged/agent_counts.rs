//! All packets and bytes, compared with the kernel's own counters.

use std::time::Duration;

use netmon_tests::{
    agent::{Agent, scrape},
    counts::{DIRECT, DIRECTIONS, assert_nothing_lost_on_the_way, at_rest},
    direct::await_carriers,
    eventually::eventually,
    interface::ifindex,
    ping::answers_ping,
    sandbox::{run, run_in, sandbox},
};

fn counts_are_the_kernels(arguments: &[&str]) {
    sandbox(|| {
        let _agent = Agent::start(arguments);
        await_carriers();
        run("ping", &["-q", "-f", "-c", "2000", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/bytes/10485760"]);
        let link_local =
            run("ip", &["-n", "direct_netns", "-6", "-o", "addr", "show", "veth1", "scope", "link"]);
        let address = link_local.split_whitespace().nth(3).and_then(|a| a.split('/').next()).expect("fe80::");
        let address = format!("{address}%veth0");
        eventually("link-local addresses without a duplicate", Duration::from_secs(20), || {
            answers_ping(&address).then_some(())
        });
        run("ping", &["-q", "-c", "5", "-i", "0.01", "-W", "5", &address]);
        let (metrics, ends) = at_rest(&DIRECT);
        for (end, (_, interface)) in ends.iter().zip(DIRECT) {
            for (direction, (hook, kernel)) in DIRECTIONS.iter().zip(end.hooks.iter().zip(end.kernel)) {
                assert_eq!(hook.whole, kernel, "{direction} of {interface}");
            }
        }
        assert_nothing_lost_on_the_way("pings and a download", &ends);
        assert_eq!(metrics.sum("netmon_link_lost_packets_total", &[]), 0.0);
        for reason in ["unknown_endpoint", "stamp_refused"] {
            assert_eq!(metrics.sum("netmon_parse_exits_total", &[("reason", reason)]), 0.0, "{reason}");
        }
    });
}

#[test]
fn packets_and_bytes_are_the_kernels_to_the_last_one() {
    counts_are_the_kernels(&[]);
}

#[test]
fn packets_and_bytes_are_the_kernels_with_clsact_too() {
    counts_are_the_kernels(&["--attach", "clsact"]);
}

#[test]
fn interfaces_of_one_number_in_two_namespaces_are_counted_apart() {
    sandbox(|| {
        let lab = "/run/twins.toml";
        std::fs::write(
            lab,
            "namespace = [{ name = \"left\" }, { name = \"right\" }, { name = \"hub\" }]\n[[link]]\n\
             a = { namespace = \"hub\", interface = \"hub0\", addresses = [\"10.201.0.1/24\"] }\n\
             b = { namespace = \"left\", interface = \"twin\", addresses = [\"10.201.0.2/24\"] }\n[[link]]\n\
             a = { namespace = \"hub\", interface = \"hub1\", addresses = [\"10.202.0.1/24\"] }\n\
             b = { namespace = \"right\", interface = \"twin\", addresses = [\"10.202.0.2/24\"] }\n",
        )
        .expect("a lab file");
        let _agent = Agent::start([lab]);
        assert_eq!(ifindex("left", "twin"), ifindex("right", "twin"), "the point of this test");
        run_in("hub", "ping", &["-q", "-c", "5", "-i", "0.01", "10.201.0.2"]);
        run_in("hub", "ping", &["-q", "-c", "9", "-i", "0.01", "10.202.0.2"]);
        let metrics = scrape();
        for (namespace, pings) in [("left", 5.0), ("right", 9.0)] {
            let labels = [("netns", namespace), ("interface", "twin"), ("protocol", "icmp")];
            assert_eq!(metrics.sum("netmon_packets_total", &labels), 2.0 * pings, "{namespace}");
        }
    });
}
