//! IPv6 works from the first packet after `netmon up`, in either direction, each time.

use std::{fs, time::Duration, time::Instant};

use netmon_tests::{
    commands::succeeds,
    sandbox::{run_in, sandbox},
};

const FILE: &str = "/run/sandbox/six.toml";
/// A neighbour solicitation that is not received is sent again after a second.
const LATE: Duration = Duration::from_millis(900);
/// Without the wait for the kernel's carrier, several of so many are late.
const ROUNDS: u32 = 20;

#[test]
fn the_first_packet_in_either_direction_is_answered_at_once() {
    sandbox(|| {
        let lab = "name = \"six\"\n[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"b\"\n[[link]]\n\
                   a = { namespace = \"a\", interface = \"eth0\", addresses = [\"fd00::1/64\"] }\n\
                   b = { namespace = \"b\", interface = \"eth0\", addresses = [\"fd00::2/64\"] }\n";
        fs::write(FILE, lab).expect("a tmpfs");
        let mut late = Vec::new();
        for round in 0..ROUNDS {
            succeeds(&["up", FILE]);
            let (from, to) = if round % 2 == 0 { ("a", "fd00::2") } else { ("b", "fd00::1") };
            let begun = Instant::now();
            run_in(from, "ping", &["-q", "-c", "1", "-W", "3", to]);
            if begun.elapsed() > LATE {
                late.push((round, begun.elapsed()));
            }
            succeeds(&["down", FILE]);
        }
        assert!(late.is_empty(), "{late:?}");
    });
}

#[test]
fn a_lab_without_ipv6_is_up_without_waiting_for_it() {
    sandbox(|| {
        let lab = "name = \"four\"\n[[namespace]]\nname = \"a\"\n\
                   sysctls = { \"net.ipv6.conf.default.disable_ipv6\" = \"1\" }\n[[namespace]]\nname = \"b\"\n\
                   sysctls = { \"net.ipv6.conf.all.disable_ipv6\" = \"1\" }\n\
                   [[bridge]]\nname = \"br0\"\nnamespace = \"a\"\n[[link]]\n\
                   a = { namespace = \"a\", interface = \"eth0\", addresses = [\"10.0.0.1/24\"] }\n\
                   b = { namespace = \"b\", interface = \"eth0\", addresses = [\"10.0.0.2/24\"] }\n";
        fs::write(FILE, lab).expect("a tmpfs");
        let begun = Instant::now();
        succeeds(&["up", FILE]);
        assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
        succeeds(&["down", FILE]);
    });
}
