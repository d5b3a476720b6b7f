//! Known traffic into a container, and what netmon and the kernel counted of it.

use std::time::Duration;

use serde_json::Value;

use crate::{
    agent::{Metrics, scrape},
    eventually::eventually_equal,
    island::Island,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// The echo requests that are sent.
const ECHOES: u32 = 20;
const DIRECTIONS: [&str; 2] = ["ingress", "egress"];

/// One end of a link as netmon calls it, and where the kernel has it.
#[derive(Clone, Debug)]
pub struct End {
    /// The label `netns`.
    pub netns: String,
    /// The label `interface`.
    pub interface: String,
    /// What is put before a command to run it in the end's namespace. Empty for the island's.
    pub enter: String,
    /// The interface's real name.
    pub device: String,
}

/// Packets and bytes: received, sent.
type Counts = [(u64, u64); 2];

impl End {
    /// What netmon counted at it.
    ///
    /// # Panics
    ///
    /// If it is not watched.
    #[must_use]
    pub fn watched(&self, metrics: &Metrics) -> Counts {
        // What has not happened on a found link has no series.
        let place = [("netns", self.netns.as_str()), ("interface", self.interface.as_str())];
        assert_ne!(metrics.count("netmon_endpoint_up", &place), 0, "{place:?} is not watched");
        DIRECTIONS.map(|direction| {
            let labels = [place[0], place[1], ("direction", direction)];
            (
                whole(metrics.sum("netmon_packets_total", &labels)),
                whole(metrics.sum("netmon_bytes_total", &labels)),
            )
        })
    }

    /// What the kernel counted at it.
    fn kernel(&self, island: &Island) -> Counts {
        let said = island.sh(&format!("{} ip -s -j link show {}", self.enter, self.device));
        let json: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        ["rx", "tx"].map(|way| {
            let number = |what: &str| json[0]["stats64"][way][what].as_u64().expect("a count");
            (number("packets"), number("bytes"))
        })
    }

    /// What the kernel counted before the end was watched: what it has more than netmon, read when nothing passes.
    fn before(&self, island: &Island) -> Counts {
        let mut before = None;
        eventually_equal("a quiet moment", PATIENCE, || {
            let (first, watched) = (self.kernel(island), self.watched(&scrape()));
            before = Some(difference(first, watched));
            (first, self.kernel(island))
        });
        before.expect("the kernel's counts were read")
    }

    /// ICMP packets that netmon counted.
    fn echoes(&self, metrics: &Metrics) -> [f64; 2] {
        DIRECTIONS.map(|direction| {
            let labels = [
                ("netns", self.netns.as_str()),
                ("interface", &self.interface),
                ("direction", direction),
                ("protocol", "icmp"),
            ];
            metrics.sum("netmon_packets_total", &labels)
        })
    }
}

/// Pings an address and fetches a page from it, both from `from` (what is put before a command). Asserts that both ends of
/// the link counted exactly the echoes, and everything else as the kernel did.
///
/// # Panics
///
/// If they did not.
pub fn assert_exact(island: &Island, ends: &[End; 2], from: &str, address: &str) {
    let before = ends.each_ref().map(|end| end.before(island));
    let echoes = ends.each_ref().map(|end| end.echoes(&scrape()));
    island.sh(&format!("{from} ping -q -i 0.02 -c {ECHOES} -w 20 {address}"));
    assert_eq!(island.sh(&format!("{from} curl -s --max-time 10 http://{address}/")), "hello\n");
    for (at, end) in ends.iter().enumerate() {
        let counted = end.echoes(&scrape());
        for way in 0..2 {
            assert_eq!(counted[way] - echoes[at][way], f64::from(ECHOES), "{end:?}");
        }
        eventually_equal(&format!("{end:?}"), PATIENCE, || {
            let watched = end.watched(&scrape());
            (watched, difference(end.kernel(island), before[at]))
        });
    }
}

fn difference(more: Counts, less: Counts) -> Counts {
    [0, 1].map(|way| (more[way].0 - less[way].0, more[way].1 - less[way].1))
}

/// Counts of a test are far below 2^53.
fn whole(count: f64) -> u64 {
    // The sum of no series is -0.
    format!("{:.0}", count.abs()).parse().expect("a count")
}
