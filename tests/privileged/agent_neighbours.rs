//! Two labs with an agent each on one host: they do not affect each other.

use std::fs;

use netmon_tests::{
    agent::{ADDRESS, Agent, scrape_from},
    host::left_behind,
    lab_files::spoke,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const SECOND: &str = "127.0.0.1:9478";

/// Writes a lab with one link and the built-in server, with names and addresses of its own.
fn write_lab(name: &str, net: &str) -> String {
    let file = format!("/run/sandbox/{name}.toml");
    let text = format!(
        "name = \"{name}\"\n{}[[service]]\nnamespace = \"{name}_netns\"\nhttp = \"{net}.2:80\"\n",
        spoke(&format!("{name}_netns"), &format!("{name}0"), net)
    );
    fs::write(&file, text).expect("a lab file");
    file
}

fn use_lab(net: &str, pings: &str) {
    run("ping", &["-q", "-c", pings, "-i", "0.02", &format!("{net}.2")]);
    run("curl", &["-sf", "-o", "/dev/null", &format!("http://{net}.2/")]);
}

#[test]
fn two_labs_are_counted_apart_and_end_apart() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns"]);
        let [one, two] = [("left", "10.201.0"), ("right", "10.202.0")].map(|(lab, net)| write_lab(lab, net));
        let before = left_behind();
        let left = Agent::start([&one]);
        let right = Agent::start_at(SECOND, ["--listen", SECOND, &two]);
        use_lab("10.201.0", "5");
        use_lab("10.202.0", "9");
        for (address, here, there, pings) in [(ADDRESS, "left", "right", 5.0), (SECOND, "right", "left", 9.0)]
        {
            let (metrics, interface) = (scrape_from(address), format!("{here}0"));
            let end = [("netns", "root"), ("interface", interface.as_str())];
            assert_eq!(metrics.sum("netmon_icmp_rtt_seconds_count", &end), pings, "{here}");
            assert_eq!(metrics.sum("netmon_tcp_response_seconds_count", &end), 1.0, "{here}");
            assert_eq!(metrics.count("netmon_packets_total", &[("interface", &format!("{there}0"))]), 0);
        }
        assert_eq!(left.end(Signal::INT).0.code(), Some(0));
        use_lab("10.202.0", "1");
        let end = [("netns", "root"), ("interface", "right0")];
        assert_eq!(scrape_from(SECOND).sum("netmon_icmp_rtt_seconds_count", &end), 10.0);
        assert_eq!(right.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(left_behind(), before);
    });
}
