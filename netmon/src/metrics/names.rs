//! Every metric that netmon exports: name, type, labels and help text, in one place.
//!
//! `docs/METRICS.md` explains the same list to people, and a test compares the two. The names are a
//! contract: dashboards and alerts of others depend on them, so they are only ever added to. Units are base
//! units, counters end in `_total`, and every label set is bounded (by endpoints, protocols or reasons).
//! The `process_*` metrics are those of the `prometheus` crate.

/// What a metric is, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, as long as the agent lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by powers of two.
    Histogram,
}

impl Kind {
    /// The word in the exposition format's `# TYPE` line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family's name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in the order in which their values are given.
    pub labels: &'static [&'static str],
    /// Its help text.
    pub help: &'static str,
}

const HOOK_PROTOCOL: &[&str] = &["link", "netns", "interface", "direction", "protocol"];
const HOOK: &[&str] = &["link", "netns", "interface", "direction"];
const ENDPOINT: &[&str] = &["link", "netns", "interface"];
const PROBE: &[&str] = &["from", "target", "kind"];
const CROSSING: &[&str] = &["link", "from", "from_interface", "to", "to_interface"];

/// Packets at a hook, by protocol.
pub const PACKETS: Metric = Metric {
    name: "netmon_packets_total",
    kind: Kind::Counter,
    labels: HOOK_PROTOCOL,
    help: "Packets that passed the hook. A super-packet (GSO, GRO) is one.",
};
/// Bytes at a hook, by protocol.
pub const BYTES: Metric = Metric {
    name: "netmon_bytes_total",
    kind: Kind::Counter,
    labels: HOOK_PROTOCOL,
    help: "Bytes that passed the hook, link-layer header included.",
};
/// Segments at a hook.
pub const SEGMENTS: Metric = Metric {
    name: "netmon_segments_total",
    kind: Kind::Counter,
    labels: HOOK,
    help: "Packets on the wire. A super-packet counts as the segments it is cut into.",
};
/// Bytes on the wire at a hook.
pub const WIRE_BYTES: Metric = Metric {
    name: "netmon_wire_bytes_total",
    kind: Kind::Counter,
    labels: HOOK,
    help: "Bytes on the wire. Each segment of a super-packet has its own headers.",
};
/// Packets without a departure stamp.
pub const UNSTAMPED_PACKETS: Metric = Metric {
    name: "netmon_unstamped_packets_total",
    kind: Kind::Counter,
    labels: ENDPOINT,
    help: "Packets that left this endpoint without a departure stamp, so without a latency sample.",
};
/// One-way latency of a link's direction.
pub const LINK_LATENCY: Metric = Metric {
    name: "netmon_link_latency_seconds",
    kind: Kind::Histogram,
    labels: CROSSING,
    help: "One-way latency from the egress hook at one end of the link to the ingress hook at the other.",
};
/// Loss of a link's direction.
pub const LINK_LOST: Metric = Metric {
    name: "netmon_link_lost_packets_total",
    kind: Kind::Counter,
    labels: CROSSING,
    help: "Packets, counted as segments, that left one end of the link and did not arrive at the other.",
};
/// A declared delay.
pub const IMPAIRMENT_DELAY: Metric = Metric {
    name: "netmon_impairment_delay_seconds",
    kind: Kind::Gauge,
    labels: CROSSING,
    help: "Delay that netmon imposes on this direction of the link.",
};
/// A declared jitter.
pub const IMPAIRMENT_JITTER: Metric = Metric {
    name: "netmon_impairment_jitter_seconds",
    kind: Kind::Gauge,
    labels: CROSSING,
    help: "By how much the delay that netmon imposes varies, up and down.",
};
/// A declared loss.
pub const IMPAIRMENT_LOSS: Metric = Metric {
    name: "netmon_impairment_loss_ratio",
    kind: Kind::Gauge,
    labels: CROSSING,
    help: "Share of the packets that netmon drops on this direction of the link, on purpose.",
};
/// A declared rate.
pub const IMPAIRMENT_RATE: Metric = Metric {
    name: "netmon_impairment_rate_bytes_per_second",
    kind: Kind::Gauge,
    labels: CROSSING,
    help: "Rate that netmon holds this direction of the link to.",
};
/// ICMP round trips.
pub const ICMP_RTT: Metric = Metric {
    name: "netmon_icmp_rtt_seconds",
    kind: Kind::Histogram,
    labels: ENDPOINT,
    help: "ICMP and ICMPv6 echo request to its reply, as seen at this endpoint.",
};
/// ICMP echoes without an answer.
pub const ICMP_UNANSWERED: Metric = Metric {
    name: "netmon_icmp_unanswered_total",
    kind: Kind::Counter,
    labels: ENDPOINT,
    help: "Echo requests that passed this endpoint and were not answered within five seconds.",
};
/// TCP handshakes.
pub const TCP_HANDSHAKE: Metric = Metric {
    name: "netmon_tcp_handshake_seconds",
    kind: Kind::Histogram,
    labels: ENDPOINT,
    help: "TCP SYN to its SYN/ACK, as seen at this endpoint.",
};
/// TCP round trips.
pub const TCP_RTT: Metric = Metric {
    name: "netmon_tcp_rtt_seconds",
    kind: Kind::Histogram,
    labels: ENDPOINT,
    help: "TCP data to its acknowledgement, as seen at this endpoint. Retransmissions are not sampled.",
};
/// TCP response times.
pub const TCP_RESPONSE: Metric = Metric {
    name: "netmon_tcp_response_seconds",
    kind: Kind::Histogram,
    labels: ENDPOINT,
    help: "Last byte of a TCP request to the first byte of its answer, as seen at this endpoint.",
};
/// TCP connections.
pub const TCP_CONNECTIONS: Metric = Metric {
    name: "netmon_tcp_connections_total",
    kind: Kind::Counter,
    labels: &["link", "netns", "interface", "event"],
    help: "TCP connections seen at this endpoint: opened, closed by both sides, reset, refused.",
};
/// TCP retransmissions.
pub const TCP_RETRANSMITS: Metric = Metric {
    name: "netmon_tcp_retransmits_total",
    kind: Kind::Counter,
    labels: HOOK,
    help: "TCP segments that passed the hook a second time.",
};
/// DNS round trips.
pub const DNS_LATENCY: Metric = Metric {
    name: "netmon_dns_latency_seconds",
    kind: Kind::Histogram,
    labels: ENDPOINT,
    help: "DNS query over UDP to its response, as seen at this endpoint.",
};
/// DNS responses.
pub const DNS_RESPONSES: Metric = Metric {
    name: "netmon_dns_responses_total",
    kind: Kind::Counter,
    labels: &["link", "netns", "interface", "rcode"],
    help: "DNS responses over UDP by response code, as seen at this endpoint.",
};
/// Drops by the kernel's reason.
pub const DROPS: Metric = Metric {
    name: "netmon_drops_total",
    kind: Kind::Counter,
    labels: &["netns", "interface", "reason"],
    help: "Packets that the kernel dropped on this interface, by its own reason (enum skb_drop_reason).",
};
/// Difference between our count and the kernel's.
pub const AUDIT_DIFFERENCE: Metric = Metric {
    name: "netmon_audit_difference_packets",
    kind: Kind::Gauge,
    labels: &["netns", "interface", "direction"],
    help: "Packets that passed the hook, less those that the kernel counted, less what is explained. Above zero \
           they vanished behind the hook, below zero they bypassed it.",
};
/// What is explained of it.
pub const AUDIT_EXPLAINED: Metric = Metric {
    name: "netmon_audit_explained_packets",
    kind: Kind::Gauge,
    labels: &["netns", "interface", "direction", "cause"],
    help: "Packets that passed the hook and that the kernel did not count, or, below zero, that it counted more, \
           by cause.",
};
/// Early exits of the programs.
pub const PARSE_EXITS: Metric = Metric {
    name: "netmon_parse_exits_total",
    kind: Kind::Counter,
    labels: &["reason"],
    help: "Packets that the eBPF programs stopped looking into early. They are counted and passed on.",
};
/// Whether an endpoint is up.
pub const ENDPOINT_UP: Metric = Metric {
    name: "netmon_endpoint_up",
    kind: Kind::Gauge,
    labels: ENDPOINT,
    help: "Whether the interface exists and is up.",
};
/// Whether a hook is watched.
pub const PROGRAM_ATTACHED: Metric = Metric {
    name: "netmon_program_attached",
    kind: Kind::Gauge,
    labels: &["netns", "interface", "direction", "mode"],
    help: "Whether the eBPF program is attached to the hook.",
};
/// Fill of the flow table.
pub const FLOW_ENTRIES: Metric = Metric {
    name: "netmon_flow_entries",
    kind: Kind::Gauge,
    labels: &[],
    help: "TCP connections in the flow table, also ended ones until their place is needed.",
};
/// What had to leave the flow table.
pub const FLOW_EVICTIONS: Metric = Metric {
    name: "netmon_flow_evictions_total",
    kind: Kind::Counter,
    labels: &[],
    help: "TCP connections that made room in the flow table before they had ended: they give no more round trips.",
};
/// What had to leave the table of requests.
pub const REQUEST_EVICTIONS: Metric = Metric {
    name: "netmon_request_evictions_total",
    kind: Kind::Counter,
    labels: &[],
    help: "ICMP echo requests and DNS queries that made room for others while they could still be answered: \
           they give no round trip, and are not counted as unanswered.",
};
/// Time in the programs.
pub const PROGRAM_RUN_SECONDS: Metric = Metric {
    name: "netmon_program_run_seconds_total",
    kind: Kind::Counter,
    labels: &["program"],
    help: "Time spent in the eBPF programs, while their run times are kept (--program-stats).",
};
/// Runs of the programs.
pub const PROGRAM_RUNS: Metric = Metric {
    name: "netmon_program_runs_total",
    kind: Kind::Counter,
    labels: &["program"],
    help: "Runs of the eBPF programs, while their run times are kept (--program-stats).",
};
/// Memory of the maps.
pub const MAP_MEMORY: Metric = Metric {
    name: "netmon_map_memory_bytes",
    kind: Kind::Gauge,
    labels: &["map"],
    help: "Memory that the eBPF map takes in the kernel, as the kernel accounts it.",
};
/// Entries of the maps.
pub const MAP_ENTRIES: Metric = Metric {
    name: "netmon_map_entries",
    kind: Kind::Gauge,
    labels: &["map"],
    help: "Entries in the eBPF map, for maps that fill up. Counted every ten seconds at the most.",
};
/// Most entries of the maps.
pub const MAP_MAX_ENTRIES: Metric = Metric {
    name: "netmon_map_max_entries",
    kind: Kind::Gauge,
    labels: &["map"],
    help: "Most entries that the eBPF map takes, for maps that fill up.",
};
/// What went wrong.
pub const ERRORS: Metric = Metric {
    name: "netmon_errors_total",
    kind: Kind::Counter,
    labels: &["kind"],
    help: "Failures of netmon itself.",
};
/// Duration of the scrape that is being answered.
pub const SCRAPE_DURATION: Metric = Metric {
    name: "netmon_scrape_duration_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "Time that this scrape took to read the kernel's maps and to render them.",
};
/// Which netmon this is.
pub const BUILD_INFO: Metric = Metric {
    name: "netmon_build_info",
    kind: Kind::Gauge,
    labels: &["version"],
    help: "The version of netmon. Always 1.",
};
/// Which lab is watched.
pub const LAB_INFO: Metric = Metric {
    name: "netmon_lab_info",
    kind: Kind::Gauge,
    labels: &["lab", "file"],
    help: "The lab that is watched and the file that it was read from. Always 1.",
};

/// Whether a probe succeeds.
pub const PROBE_SUCCESS: Metric = Metric {
    name: "netmon_probe_success",
    kind: Kind::Gauge,
    labels: PROBE,
    help: "Whether the last attempt of the probe succeeded: 1 or 0.",
};
/// How long a probe's attempts take.
pub const PROBE_DURATION: Metric = Metric {
    name: "netmon_probe_duration_seconds",
    kind: Kind::Histogram,
    labels: PROBE,
    help: "How long the attempts of the probe took that succeeded, as seen in user space.",
};
/// How often a probe failed.
pub const PROBE_FAILURES: Metric = Metric {
    name: "netmon_probe_failures_total",
    kind: Kind::Counter,
    labels: PROBE,
    help: "Attempts of the probe that failed or took too long.",
};

/// Every metric, in the order in which they are exported.
pub const ALL: &[Metric] = &[
    PACKETS,
    BYTES,
    SEGMENTS,
    WIRE_BYTES,
    UNSTAMPED_PACKETS,
    LINK_LATENCY,
    LINK_LOST,
    IMPAIRMENT_DELAY,
    IMPAIRMENT_JITTER,
    IMPAIRMENT_LOSS,
    IMPAIRMENT_RATE,
    ICMP_RTT,
    ICMP_UNANSWERED,
    TCP_HANDSHAKE,
    TCP_RTT,
    TCP_RESPONSE,
    TCP_CONNECTIONS,
    TCP_RETRANSMITS,
    DNS_LATENCY,
    DNS_RESPONSES,
    PROBE_SUCCESS,
    PROBE_DURATION,
    PROBE_FAILURES,
    DROPS,
    AUDIT_DIFFERENCE,
    AUDIT_EXPLAINED,
    PARSE_EXITS,
    ENDPOINT_UP,
    PROGRAM_ATTACHED,
    FLOW_ENTRIES,
    FLOW_EVICTIONS,
    REQUEST_EVICTIONS,
    PROGRAM_RUN_SECONDS,
    PROGRAM_RUNS,
    MAP_MEMORY,
    MAP_ENTRIES,
    MAP_MAX_ENTRIES,
    ERRORS,
    SCRAPE_DURATION,
    BUILD_INFO,
    LAB_INFO,
];
