//! The qdisc `fq` delays a packet until its delivery time: an end with one is not stamped, and netmon reports that.

use netmon_tests::{
    agent::{Agent, Up, scrape},
    sandbox::{run, sandbox},
};

#[test]
fn an_end_with_a_fair_queue_is_counted_and_not_stamped() {
    sandbox(|| {
        let _lab = Up::direct();
        run("tc", &["qdisc", "add", "dev", "veth0", "root", "fq"]);
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "10", "-i", "0.05", "10.200.0.3"]);
        let metrics = scrape();
        let latency = |from| metrics.sum("netmon_link_latency_seconds_count", &[("from", from)]);
        assert_eq!(latency("root"), 0.0, "what leaves through fq has no stamp of ours");
        assert!(latency("direct_netns") >= 10.0, "the other direction has");
        for direction in ["ingress", "egress"] {
            let veth0 = [("interface", "veth0"), ("direction", direction), ("protocol", "icmp")];
            assert_eq!(metrics.sum("netmon_packets_total", &veth0), 10.0, "{direction}");
        }
    });
}
