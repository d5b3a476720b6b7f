//! The agent's figures of pings and requests, compared with those of ping and curl.

use std::time::Duration;

use netmon_tests::{
    added::Added,
    agent::{Agent, scrape},
    curl::answers,
    direct::{INSIDE, ROOT},
    eventually::eventually,
    lab_files::shipped,
    ping::average,
    sandbox::{run, run_in, sandbox},
    tc::qdisc,
};

fn at<'a>(end: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [end, more].concat()
}

fn assert_twenty_pings(added: &Added, protocol: &str) {
    for end in [ROOT, INSIDE] {
        for direction in ["ingress", "egress"] {
            let hook = at(&end, &[("direction", direction), ("protocol", protocol)]);
            assert_eq!(added.to("netmon_packets_total", &hook), 20.0, "{hook:?}");
        }
        assert_eq!(added.to("netmon_icmp_rtt_seconds_count", &end), 20.0, "{end:?}");
    }
    for direction in [[("from", "root")], [("to", "root")]] {
        assert!(added.to("netmon_link_latency_seconds_count", &direction) >= 20.0);
    }
}

#[test]
fn twenty_pings_are_twenty_at_every_hook_and_as_long_as_ping_says() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        // ping's own figure includes a system call and a wake-up, which take longer under load: the best of a few
        // runs shows the difference of the two, not the load of the machine.
        let closest = (0..10)
            .map(|_| {
                let mut said = 0.0;
                let added = Added::by(|| {
                    said = average(&run("ping", &["-c", "20", "-i", "0.02", "10.200.0.3"]));
                });
                assert_twenty_pings(&added, "icmp");
                let measured = added.mean("netmon_icmp_rtt_seconds", &ROOT);
                let turnaround = added.mean("netmon_icmp_rtt_seconds", &INSIDE);
                assert!(turnaround < measured, "{turnaround} inside, {measured} outside");
                // ping rounds to a microsecond.
                assert!(measured <= said + 1e-6, "measured {measured}, ping says {said}");
                said - measured
            })
            .fold(f64::INFINITY, f64::min);
        println!("ping's average is above netmon's mean by {:.1} us at best", closest * 1e6);
        assert!(closest < 50e-6, "{closest} s between ping and netmon");
    });
}

#[test]
fn an_ipv6_ping_is_followed_as_an_ipv4_one_is() {
    sandbox(|| {
        let lab = "/run/six.toml";
        std::fs::write(
            lab,
            "[[namespace]]\nname = \"direct_netns\"\n[[link]]\n\
             a = { namespace = \"root\", interface = \"veth0\", addresses = [\"fd00:200::2/64\"] }\n\
             b = { namespace = \"direct_netns\", interface = \"veth1\", addresses = [\"fd00:200::3/64\"] }\n",
        )
        .unwrap();
        let _agent = Agent::start([lab]);
        // Neighbour discovery is ICMPv6 as well: a first ping triggers it, except for later repetitions.
        run("ping", &["-c", "1", "fd00:200::3"]);
        let added = Added::by(|| {
            run("ping", &["-c", "20", "-i", "0.02", "fd00:200::3"]);
        });
        for end in [ROOT, INSIDE] {
            assert_eq!(added.to("netmon_icmp_rtt_seconds_count", &end), 20.0, "{end:?}");
        }
    });
}

#[test]
fn a_ping_without_an_answer_is_counted_once_and_only_once() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run_in("direct_netns", "sysctl", &["-q", "-w", "net.ipv4.icmp_echo_ignore_all=1"]);
        let before = scrape();
        // ping fails without an answer, as intended here.
        let _ = std::process::Command::new("ping")
            .args(["-c", "7", "-i", "0.02", "-W", "1", "10.200.0.3"])
            .output();
        let name = "netmon_icmp_unanswered_total";
        let unanswered = || scrape().sum(name, &ROOT) - before.sum(name, &ROOT);
        assert_eq!(unanswered(), 0.0, "five seconds have not passed");
        eventually("seven unanswered pings", Duration::from_secs(20), || (unanswered() >= 7.0).then_some(()));
        assert_eq!(unanswered(), 7.0);
    });
}

/// Time to connect and to the first byte, as curl reports them, in seconds.
fn curl(url: &str) -> (f64, f64) {
    let said = run(
        "curl",
        &["-sf", "-o", "/dev/null", "-w", "%{time_connect} %{time_starttransfer}", "--max-time", "20", url],
    );
    let (connect, first) = said.split_once(' ').expect("two figures");
    (connect.parse().expect("seconds"), first.parse().expect("seconds"))
}

fn assert_one_request(added: &Added) {
    for end in [ROOT, INSIDE] {
        assert_eq!(added.to("netmon_tcp_handshake_seconds_count", &end), 1.0, "{end:?}");
        assert_eq!(added.to("netmon_tcp_response_seconds_count", &end), 1.0, "{end:?}");
        let opened = at(&end, &[("event", "opened")]);
        assert_eq!(added.to("netmon_tcp_connections_total", &opened), 1.0, "{end:?}");
    }
}

#[test]
fn a_curl_is_one_handshake_and_one_response() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        assert_one_request(&Added::by(|| {
            curl("http://10.200.0.3/");
        }));
    });
}

#[test]
fn a_curl_of_a_real_nginx_is_one_handshake_and_one_response() {
    sandbox(|| {
        let _agent = Agent::start([shipped("direct-nginx.toml")]);
        eventually("nginx answers", Duration::from_secs(10), || answers("http://10.200.0.3/").then_some(()));
        assert_one_request(&Added::by(|| {
            curl("http://10.200.0.3/");
        }));
    });
}

#[test]
fn a_server_that_waits_fifty_milliseconds_is_seen_to_wait_fifty_and_the_link_is_not() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        // curl's figure includes its own wake-ups, which take longer under load: as with ping, the best of a few runs
        // counts.
        let closest = (0..10)
            .map(|_| {
                let (mut connect, mut first) = (0.0, 0.0);
                let added = Added::by(|| (connect, first) = curl("http://10.200.0.3/delay/50"));
                assert_one_request(&added);
                let response = added.mean("netmon_tcp_response_seconds", &ROOT);
                assert!(response >= 0.050, "{response}");
                assert!(added.mean("netmon_tcp_handshake_seconds", &ROOT) < 0.005);
                assert!(added.mean("netmon_link_latency_seconds", &[("from", "root")]) < 0.005);
                assert!(added.mean("netmon_link_latency_seconds", &[("to", "root")]) < 0.005);
                let said = first - connect;
                (response - said).abs() / said
            })
            .fold(f64::INFINITY, f64::min);
        assert!(closest <= 0.02, "{closest} of curl's figure at best");
    });
}

#[test]
fn what_a_full_queue_drops_is_lost_to_the_last_packet_and_what_only_waits_is_not() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let lost = || scrape().sum("netmon_link_lost_packets_total", &[("from", "root")]);
        let send = |count: &str| {
            let flood = ["-q", "-f", "-s", "1000", "-c", count, "-W", "1", "10.200.0.3"];
            let _ = std::process::Command::new("ping").args(flood).output();
        };
        let dropped = || qdisc("root", "veth0", "tbf").expect("a token bucket").drops as f64;
        let tbf = |verb: &'static str, rate: &'static str, limit: &'static str| {
            let shape = ["rate", rate, "burst", "2000", "limit", limit];
            run("tc", &[&["qdisc", verb, "dev", "veth0", "root", "tbf"][..], &shape].concat());
        };
        tbf("add", "5mbit", "4000");
        run("bash", &["-c", "for i in $(seq 300); do printf '%01000d' 0 > /dev/udp/10.200.0.3/9; done"]);
        send("200");
        assert!(dropped() > 0.0, "the queue was meant to overflow");
        eventually("the loss that tc counts", Duration::from_secs(10), || {
            (lost() >= dropped()).then_some(())
        });
        assert_eq!(lost(), dropped());
        let before = lost();
        tbf("change", "20mbit", "4000000");
        let already = dropped();
        run("bash", &["-c", "for i in $(seq 600); do printf '%01000d' 0 > /dev/udp/10.200.0.3/9; done"]);
        run("ping", &["-c", "60", "-i", "0.05", "10.200.0.3"]);
        assert_eq!(dropped(), already, "the queue was meant to hold everything");
        assert_eq!(lost(), before);
    });
}

#[test]
fn kernel_drops_have_the_kernels_own_reason() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("bash", &["-c", "for i in $(seq 50); do echo > /dev/udp/10.200.0.3/9999 || true; done"]);
        let no_socket = at(&INSIDE, &[("reason", "NO_SOCKET")]);
        assert_eq!(scrape().sum("netmon_drops_total", &no_socket), 50.0);
    });
}
