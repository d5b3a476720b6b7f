//! What an agent of this sandbox says about the requests that passed an interface.

use serde_json::Value;

use crate::{agent::scrape, commands::printed};

/// The requests of one kind at one interface, as `netmon status` and `/metrics` have them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requests {
    /// Round trips.
    pub samples: f64,
    /// Answered requests without a round trip.
    pub unsampled: f64,
    /// Requests that passed again.
    pub repeated: f64,
    /// Requests without an answer after five seconds.
    pub unanswered: f64,
    /// Requests that may still be answered.
    pub waiting: f64,
}

impl Requests {
    /// Requests that gave a round trip each.
    #[must_use]
    pub fn answered(samples: f64) -> Self {
        Self { samples, ..Self::default() }
    }
}

/// The ICMP and ICMPv6 echo requests at this interface of a namespace.
#[must_use]
pub fn echoes(at: (&str, &str)) -> Requests {
    requests(at, "icmp", "netmon_icmp_rtt_seconds_count")
}

/// The DNS queries at this interface of a namespace.
#[must_use]
pub fn queries(at: (&str, &str)) -> Requests {
    requests(at, "dns", "netmon_dns_latency_seconds_count")
}

/// The DNS responses at this interface of a namespace.
#[must_use]
pub fn responses((netns, interface): (&str, &str)) -> f64 {
    scrape().sum("netmon_dns_responses_total", &[("netns", netns), ("interface", interface)])
}

fn requests((netns, interface): (&str, &str), kind: &str, samples: &str) -> Requests {
    let trips = round_trips(netns, interface);
    let metrics = scrape();
    let labels = [("netns", netns), ("interface", interface)];
    let total = |what: &str| metrics.sum(&format!("netmon_{kind}_{what}_total"), &labels);
    let shown = |what: &str| trips[format!("{kind}_{what}")].as_f64().expect("a number");
    Requests {
        samples: metrics.sum(samples, &labels),
        unsampled: shown("unsampled"),
        repeated: total("repeated"),
        unanswered: total("unanswered"),
        waiting: shown("waiting"),
    }
}

/// `round_trips` of the end of a link.
fn round_trips(netns: &str, interface: &str) -> Value {
    let said = printed(&["status", "-o", "json"]);
    let status: Value = serde_json::from_str(&said).expect("JSON");
    let links = status["links"].as_array().expect("links").iter();
    let mut ends = links.flat_map(|link| [&link["a"], &link["b"]]);
    let end = ends.find(|end| end["namespace"] == netns && end["interface"] == interface);
    end.expect("an end of a link")["round_trips"].clone()
}
