//! The traffic of the pictures: what people do in an office, a little of each.

use anyhow::Result;
use netmon_tests::running::Running;

/// A name, the namespace, and a script.
const SENDERS: [(&str, &str, &str); 6] = [
    ("ping", "laptop", "exec ping -q -i 0.1 10.60.3.2"),
    ("phone", "phone", "exec ping -q -i 0.05 -s 600 10.60.3.2"),
    (
        "pages",
        "laptop",
        "while true; do curl -s -o /dev/null --max-time 2 http://10.60.3.2/; sleep 0.03; done",
    ),
    (
        "replies",
        "web",
        "while true; do curl -s -o /dev/null --max-time 2 http://10.60.5.2/; sleep 0.005; done",
    ),
    ("server", "database", "exec iperf3 -s"),
    ("queries", "web", "sleep 1; exec iperf3 -c 10.60.4.2 -t 600 -b 40M"),
];

/// Starts all of it; it ends when it is dropped.
pub(crate) fn start() -> Result<Vec<Running>> {
    let start = |(name, namespace, script): (&'static str, &str, &str)| {
        Running::start(name, "ip", &["netns", "exec", namespace, "bash", "-c", script])
    };
    Ok(SENDERS.map(start).into_iter().collect::<Result<_, _>>()?)
}
