//! `ping`, and what it reports.

use std::process::{Command, Stdio};

use crate::sandbox::run_in;

/// Sends one echo request from a namespace of the lab, or from `root`.
///
/// # Panics
///
/// If it is not answered within two seconds.
pub fn ping(from: &str, to: &str) {
    run_in(from, "ping", &["-q", "-c", "1", "-W", "2", to]);
}

/// Whether an address answers one echo request from this namespace within a second.
///
/// # Panics
///
/// If ping is not installed.
#[must_use]
pub fn answers_ping(to: &str) -> bool {
    let ping = Command::new("ping").args(["-q", "-c", "1", "-W", "1", to]).stdout(Stdio::null()).status();
    ping.expect("ping is installed").success()
}

/// The average round trip of a report, in seconds.
///
/// # Panics
///
/// If the report has none.
#[must_use]
pub fn average(report: &str) -> f64 {
    let summary = report.lines().find(|line| line.starts_with("rtt")).expect("a summary of round trips");
    let average = summary.split('/').nth(4).expect("min/avg/max/mdev");
    average.parse::<f64>().expect("milliseconds") / 1000.0
}

/// How many echo requests a report says were sent, and how many were answered.
///
/// # Panics
///
/// If the report does not say so.
#[must_use]
pub fn sent_and_received(report: &str) -> [f64; 2] {
    let summary = report.lines().find(|line| line.contains("packets transmitted")).expect("a summary");
    let numbers: Vec<f64> = summary.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    [numbers[0], numbers[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "PING 10.33.0.2 (10.33.0.2) 56(84) bytes of data.\n\n\
        --- 10.33.0.2 ping statistics ---\n\
        1000 packets transmitted, 698 received, 30.2% packet loss, time 2004ms\n\
        rtt min/avg/max/mdev = 0.011/0.024/0.140/0.008 ms\n";

    #[test]
    fn counts_and_average_are_read_from_a_report() {
        assert_eq!(sent_and_received(REPORT), [1000.0, 698.0]);
        assert!((average(REPORT) - 24e-6).abs() < 1e-9, "{}", average(REPORT));
    }
}
