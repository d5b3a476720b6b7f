//! VLAN devices on a link: tagged packets pass the ends of the link, and are counted by what is in them.

use std::time::Duration;

use netmon_tests::{
    added::Added,
    agent::{Agent, scrape},
    counts::DIRECT,
    direct::set_offloads,
    eventually::eventually,
    sandbox::{run, sandbox},
};

const PINGS: f64 = 10.0;

/// Creates a device for VLAN 7 on top of an end of the link.
fn device(within: &[&str], interface: &str, address: &str) {
    let name = format!("{interface}.7");
    let add = ["link", "add", "link", interface, "name", &name, "type", "vlan", "id", "7"];
    run("ip", &[within, &add].concat());
    run("ip", &[within, &["addr", "add", address, "dev", &name]].concat());
    run("ip", &[within, &["link", "set", &name, "up"]].concat());
}

/// Pings through the tagged devices, and checks what each hook counted.
fn every_ping_is_counted(how: &str) {
    let added = Added::by(|| {
        run("ping", &["-q", "-c", "10", "-i", "0.05", "-W", "5", "10.207.0.2"]);
    });
    for (namespace, interface) in DIRECT {
        for direction in ["ingress", "egress"] {
            let here = [("netns", namespace), ("interface", interface), ("direction", direction)];
            let icmp = [&here[..], &[("protocol", "icmp")]].concat();
            assert_eq!(added.to("netmon_packets_total", &icmp), PINGS, "{how}: {direction} of {interface}");
        }
        let here = [("from", namespace), ("from_interface", interface)];
        let samples = added.to("netmon_link_latency_seconds_count", &here);
        assert!(samples >= PINGS, "{how}: stamped from {interface}");
    }
}

fn nothing_is_unexplained() {
    eventually("an audit of both ends", Duration::from_secs(60), || {
        (scrape().count("netmon_audit_difference_packets", &[]) == 4).then_some(())
    });
    let metrics = scrape();
    for (namespace, interface) in DIRECT {
        for direction in ["ingress", "egress"] {
            let here = [("netns", namespace), ("interface", interface), ("direction", direction)];
            assert_eq!(
                metrics.sum("netmon_audit_difference_packets", &here),
                0.0,
                "{direction} of {interface}"
            );
        }
    }
    for reason in ["vlan_depth", "unknown_ethertype", "stamp_refused"] {
        assert_eq!(metrics.sum("netmon_parse_exits_total", &[("reason", reason)]), 0.0, "{reason}");
    }
    assert_eq!(metrics.sum("netmon_link_lost_packets_total", &[]), 0.0);
}

#[test]
fn packets_of_a_vlan_device_are_counted_by_protocol_and_the_audit_stays_at_zero() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        device(&[], "veth0", "10.207.0.1/24");
        device(&["-n", "direct_netns"], "veth1", "10.207.0.2/24");
        run("ping", &["-q", "-c", "1", "-W", "5", "10.207.0.2"]);
        every_ping_is_counted("the tag beside the frame");
        // Without the offload the kernel writes the tag into the frame, after the hook.
        set_offloads(&["tx-vlan-hw-insert", "off"]);
        every_ping_is_counted("the tag in the frame");
        nothing_is_unexplained();
    });
}
