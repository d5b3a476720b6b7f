//! Every metric that netmon exports: name, type, labels and help text.
//!
//! `docs/METRICS.md` explains the same list, and `cargo xtask tidy` compares the two. The names are a contract, because
//! users' dashboards and alerts depend on them: names are only ever added. Units are base units, counters end in
//! `_total`, and every label set is bounded. The `process_*` metrics are those of the `prometheus` crate.

/// The type of a metric, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Never decreases while the agent runs.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Durations, with the bounds of [`Buckets`](super::Buckets).
    Histogram,
}

impl MetricKind {
    /// Returns the word for the `# TYPE` line of the exposition format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family's name.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// Its help text.
    pub help: &'static str,
}

const HOOK_PROTOCOL: &[&str] = &["link", "netns", "interface", "direction", "protocol"];
const HOOK: &[&str] = &["link", "netns", "interface", "direction"];
const ENDPOINT: &[&str] = &["link", "netns", "interface"];
const PROBE: &[&str] = &["from", "target", "kind"];
const DIRECTION: &[&str] = &["link", "from", "from_interface", "to", "to_interface"];

/// Packets at a hook, by protocol.
pub const PACKETS: Metric = Metric {
    name: "netmon_packets_total",
    kind: MetricKind::Counter,
    labels: HOOK_PROTOCOL,
    help: "Packets that passed the hook. A super-packet (GSO, GRO) is one.",
};
/// Bytes at a hook, by protocol.
pub const BYTES: Metric = Metric {
    name: "netmon_bytes_total",
    kind: MetricKind::Counter,
    labels: HOOK_PROTOCOL,
    help: "Bytes that passed the hook, link-layer header included.",
};
/// Segments at a hook.
pub const SEGMENTS: Metric = Metric {
    name: "netmon_segments_total",
    kind: MetricKind::Counter,
    labels: HOOK,
    help: "Packets on the wire. A super-packet counts as the segments it is cut into.",
};
/// Bytes on the wire at a hook.
pub const WIRE_BYTES: Metric = Metric {
    name: "netmon_wire_bytes_total",
    kind: MetricKind::Counter,
    labels: HOOK,
    help: "Bytes on the wire. Each segment of a super-packet has its own headers.",
};
/// Packets without a departure stamp.
pub const UNSTAMPED_PACKETS: Metric = Metric {
    name: "netmon_unstamped_packets_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "Packets that left this endpoint without a departure stamp, and so without a latency sample.",
};
/// Delivery times that are no stamp.
pub const REFUSED_STAMPS: Metric = Metric {
    name: "netmon_refused_stamps_total",
    kind: MetricKind::Counter,
    labels: &["link", "netns", "interface", "reason"],
    help: "Packets that arrived with a delivery time that is not the departure stamp of the link's other end.",
};
/// One-way latency of a link's direction.
pub const LINK_LATENCY: Metric = Metric {
    name: "netmon_link_latency_seconds",
    kind: MetricKind::Histogram,
    labels: DIRECTION,
    help: "One-way latency from the egress hook at one end of the link to the ingress hook at the other.",
};
/// The part of the latency of a direction that packets wait in a queue.
pub const LINK_QUEUE: Metric = Metric {
    name: "netmon_link_queue_seconds",
    kind: MetricKind::Histogram,
    labels: DIRECTION,
    help: "Part of the one-way latency: the time in the queue of the interface. Only of links that were found.",
};
/// The part of the latency of a direction that packets take from one end to the other.
pub const LINK_CROSSING: Metric = Metric {
    name: "netmon_link_crossing_seconds",
    kind: MetricKind::Histogram,
    labels: DIRECTION,
    help: "Part of the one-way latency: the time from the driver at one end to the arrival at the other. Only of links that were found.",
};
/// Packets whose departure is not known.
pub const UNJOINED_PACKETS: Metric = Metric {
    name: "netmon_unjoined_packets_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "Packets that arrived and whose departure is not known, so without a latency sample. Only of links that were found.",
};
/// Loss of a link's direction.
pub const LINK_LOST: Metric = Metric {
    name: "netmon_link_lost_packets_total",
    kind: MetricKind::Counter,
    labels: DIRECTION,
    help: "Packets, counted as segments, that left one end of the link and did not arrive at the other.",
};
/// A configured delay.
pub const IMPAIRMENT_DELAY: Metric = Metric {
    name: "netmon_impairment_delay_seconds",
    kind: MetricKind::Gauge,
    labels: DIRECTION,
    help: "Configured delay of this direction of the link.",
};
/// A configured jitter.
pub const IMPAIRMENT_JITTER: Metric = Metric {
    name: "netmon_impairment_jitter_seconds",
    kind: MetricKind::Gauge,
    labels: DIRECTION,
    help: "Configured variation of the delay, in both directions.",
};
/// A configured loss.
pub const IMPAIRMENT_LOSS: Metric = Metric {
    name: "netmon_impairment_loss_ratio",
    kind: MetricKind::Gauge,
    labels: DIRECTION,
    help: "Configured share of packets that netmon drops in this direction of the link.",
};
/// A configured rate.
pub const IMPAIRMENT_RATE: Metric = Metric {
    name: "netmon_impairment_rate_bytes_per_second",
    kind: MetricKind::Gauge,
    labels: DIRECTION,
    help: "Configured rate limit of this direction of the link.",
};
/// ICMP round trips.
pub const ICMP_RTT: Metric = Metric {
    name: "netmon_icmp_rtt_seconds",
    kind: MetricKind::Histogram,
    labels: ENDPOINT,
    help: "Time from an ICMP or ICMPv6 echo request to its reply, as seen at this endpoint. A repeated request is not \
           sampled.",
};
/// ICMP echo requests without a reply.
pub const ICMP_UNANSWERED: Metric = Metric {
    name: "netmon_icmp_unanswered_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "Echo requests that passed this endpoint, and whose reply did not come back to the namespace within five \
           seconds. Requests to groups are not followed.",
};
/// Repeated ICMP echo requests.
pub const ICMP_REPEATED: Metric = Metric {
    name: "netmon_icmp_repeated_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "Echo requests that passed this endpoint again before they were answered. Their reply gives no round trip.",
};
/// TCP handshakes.
pub const TCP_HANDSHAKE: Metric = Metric {
    name: "netmon_tcp_handshake_seconds",
    kind: MetricKind::Histogram,
    labels: ENDPOINT,
    help: "Time from a TCP SYN to its SYN/ACK, as seen at this endpoint.",
};
/// TCP round trips.
pub const TCP_RTT: Metric = Metric {
    name: "netmon_tcp_rtt_seconds",
    kind: MetricKind::Histogram,
    labels: ENDPOINT,
    help: "Time from TCP data to its acknowledgement, as seen at this endpoint. Retransmissions are not sampled.",
};
/// TCP response times.
pub const TCP_RESPONSE: Metric = Metric {
    name: "netmon_tcp_response_seconds",
    kind: MetricKind::Histogram,
    labels: ENDPOINT,
    help: "Time from the last byte of an HTTP/1 request in the clear to the first byte of its response, as seen at this endpoint.",
};
/// TCP responses that are not timed.
pub const TCP_UNSURE: Metric = Metric {
    name: "netmon_tcp_unsure_responses_total",
    kind: MetricKind::Counter,
    labels: &["link", "netns", "interface", "reason"],
    help: "Times that responses were not timed because it was unsure what they answer: once a connection, except out_of_order.",
};
/// TCP connections.
pub const TCP_CONNECTIONS: Metric = Metric {
    name: "netmon_tcp_connections_total",
    kind: MetricKind::Counter,
    labels: &["link", "netns", "interface", "event"],
    help: "TCP connections seen at this endpoint: opened, closed by both sides, reset, refused, found without their beginning.",
};
/// TCP retransmissions.
pub const TCP_RETRANSMITS: Metric = Metric {
    name: "netmon_tcp_retransmits_total",
    kind: MetricKind::Counter,
    labels: HOOK,
    help: "TCP segments that passed the hook a second time.",
};
/// TCP segments that were overtaken.
pub const TCP_REORDERED: Metric = Metric {
    name: "netmon_tcp_reordered_total",
    kind: MetricKind::Counter,
    labels: HOOK,
    help: "TCP segments that passed the hook after later ones, each for the first time.",
};
/// DNS round trips.
pub const DNS_LATENCY: Metric = Metric {
    name: "netmon_dns_latency_seconds",
    kind: MetricKind::Histogram,
    labels: ENDPOINT,
    help: "Time from a DNS query over UDP to its response, as seen at this endpoint. A repeated query is not sampled.",
};
/// DNS responses.
pub const DNS_RESPONSES: Metric = Metric {
    name: "netmon_dns_responses_total",
    kind: MetricKind::Counter,
    labels: &["link", "netns", "interface", "rcode"],
    help: "DNS responses over UDP by response code, as seen at this endpoint, also second and late ones.",
};
/// DNS queries without a response.
pub const DNS_UNANSWERED: Metric = Metric {
    name: "netmon_dns_unanswered_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "DNS queries over UDP that passed this endpoint, and whose response did not come back to the namespace \
           within five seconds.",
};
/// Repeated DNS queries.
pub const DNS_REPEATED: Metric = Metric {
    name: "netmon_dns_repeated_total",
    kind: MetricKind::Counter,
    labels: ENDPOINT,
    help: "DNS queries over UDP that passed this endpoint again before they were answered. Their response gives no \
           round trip.",
};
/// Packets that the kernel dropped, by reason.
pub const DROPS: Metric = Metric {
    name: "netmon_drops_total",
    kind: MetricKind::Counter,
    labels: &["netns", "interface", "reason"],
    help: "Packets that the kernel dropped on this interface, by its drop reason (enum skb_drop_reason).",
};
/// Unexplained difference between netmon's count and the kernel's.
pub const AUDIT_DIFFERENCE: Metric = Metric {
    name: "netmon_audit_difference_packets",
    kind: MetricKind::Gauge,
    labels: &["netns", "interface", "direction"],
    help: "Packets that passed the hook, minus those that the kernel counted, minus those that are explained. If \
           positive, packets vanished behind the hook; if negative, they bypassed it.",
};
/// The explained part of that difference.
pub const AUDIT_EXPLAINED: Metric = Metric {
    name: "netmon_audit_explained_packets",
    kind: MetricKind::Gauge,
    labels: &["netns", "interface", "direction", "cause"],
    help: "Packets that passed the hook and that the kernel did not count, by cause. If negative, the kernel counted \
           more.",
};
/// Packets whose parsing stopped early.
pub const PARSE_EXITS: Metric = Metric {
    name: "netmon_parse_exits_total",
    kind: MetricKind::Counter,
    labels: &["reason"],
    help: "Packets that the eBPF programs stopped parsing early. They are counted and passed on.",
};
/// Whether an endpoint is up.
pub const ENDPOINT_UP: Metric = Metric {
    name: "netmon_endpoint_up",
    kind: MetricKind::Gauge,
    labels: ENDPOINT,
    help: "Whether the interface exists and is up.",
};
/// What an endpoint is.
pub const ENDPOINT_INFO: Metric = Metric {
    name: "netmon_endpoint_info",
    kind: MetricKind::Gauge,
    labels: &[
        "link",
        "netns",
        "interface",
        "device",
        "ifindex",
        "kind",
        "peer_netns",
        "peer_interface",
        "mac",
        "bridge",
        "mode",
    ],
    help: "What the endpoint is: the interface itself, its peer, and how it is measured. Always 1.",
};
/// What a namespace is.
pub const NETNS_INFO: Metric = Metric {
    name: "netmon_netns_info",
    kind: MetricKind::Gauge,
    labels: &[
        "netns",
        "runtime",
        "container_name",
        "container_id",
        "container_image_name",
        "compose_project",
        "compose_service",
        "k8s_pod_name",
        "k8s_namespace_name",
        "k8s_pod_uid",
        "cookie",
        "members",
    ],
    help: "What the network namespace belongs to, with --discover. Always 1.",
};
/// Interfaces that are left out.
pub const DISCOVER_SKIPPED: Metric = Metric {
    name: "netmon_discover_skipped",
    kind: MetricKind::Gauge,
    labels: &["reason"],
    help: "Interfaces of the host that are not watched, by reason, with --discover.",
};
/// Whether a hook is watched.
pub const PROGRAM_ATTACHED: Metric = Metric {
    name: "netmon_program_attached",
    kind: MetricKind::Gauge,
    labels: &["netns", "interface", "direction", "mode"],
    help: "Whether the eBPF program is attached to the hook.",
};
/// Fill of the flow table.
pub const FLOW_ENTRIES: Metric = Metric {
    name: "netmon_flow_entries",
    kind: MetricKind::Gauge,
    labels: &[],
    help: "TCP connections in the flow table, including ended ones whose entry is not needed yet.",
};
/// Connections that were evicted from the flow table.
pub const FLOW_EVICTIONS: Metric = Metric {
    name: "netmon_flow_evictions_total",
    kind: MetricKind::Counter,
    labels: &[],
    help: "TCP connections that were evicted from the flow table before they ended. They give no more round trips.",
};
/// Fill of the table of conversations over UDP.
pub const UDP_FLOW_ENTRIES: Metric = Metric {
    name: "netmon_udp_flow_entries",
    kind: MetricKind::Gauge,
    labels: &[],
    help: "Conversations over UDP in their table, including ended ones whose entry is not needed yet; 0 without --udp-flows.",
};
/// Conversations over UDP that were evicted from their table.
pub const UDP_FLOW_EVICTIONS: Metric = Metric {
    name: "netmon_udp_flow_evictions_total",
    kind: MetricKind::Counter,
    labels: &[],
    help: "Conversations over UDP that were evicted from their table before they ended.",
};
/// Requests that were evicted from the table of requests.
pub const REQUEST_EVICTIONS: Metric = Metric {
    name: "netmon_request_evictions_total",
    kind: MetricKind::Counter,
    labels: &[],
    help: "ICMP echo requests and DNS queries that were evicted while they could still be answered. They give no \
           round trip and do not count as unanswered.",
};
/// Time in the programs.
pub const PROGRAM_RUN_SECONDS: Metric = Metric {
    name: "netmon_program_run_seconds_total",
    kind: MetricKind::Counter,
    labels: &["program"],
    help: "Time spent in the eBPF programs, while run-time statistics are enabled (--program-stats).",
};
/// Runs of the programs.
pub const PROGRAM_RUNS: Metric = Metric {
    name: "netmon_program_runs_total",
    kind: MetricKind::Counter,
    labels: &["program"],
    help: "Runs of the eBPF programs, while run-time statistics are enabled (--program-stats).",
};
/// Memory of the maps.
pub const MAP_MEMORY: Metric = Metric {
    name: "netmon_map_memory_bytes",
    kind: MetricKind::Gauge,
    labels: &["map"],
    help: "Kernel memory of the eBPF map, as the kernel accounts it.",
};
/// Entries of the maps.
pub const MAP_ENTRIES: Metric = Metric {
    name: "netmon_map_entries",
    kind: MetricKind::Gauge,
    labels: &["map"],
    help: "Entries in the eBPF map, for maps that can fill up. Counted at most every ten seconds.",
};
/// Capacity of the maps.
pub const MAP_MAX_ENTRIES: Metric = Metric {
    name: "netmon_map_max_entries",
    kind: MetricKind::Gauge,
    labels: &["map"],
    help: "Maximum number of entries in the eBPF map, for maps that can fill up.",
};
/// netmon's own errors.
pub const ERRORS: Metric = Metric {
    name: "netmon_errors_total",
    kind: MetricKind::Counter,
    labels: &["kind"],
    help: "Errors of netmon itself.",
};
/// Duration of this scrape.
pub const SCRAPE_DURATION: Metric = Metric {
    name: "netmon_scrape_duration_seconds",
    kind: MetricKind::Gauge,
    labels: &[],
    help: "Time that this scrape took to read the kernel's maps and to render them.",
};
/// The version of netmon.
pub const BUILD_INFO: Metric = Metric {
    name: "netmon_build_info",
    kind: MetricKind::Gauge,
    labels: &["version"],
    help: "The version of netmon. Always 1.",
};
/// The lab that is watched.
pub const LAB_INFO: Metric = Metric {
    name: "netmon_lab_info",
    kind: MetricKind::Gauge,
    labels: &["lab", "file"],
    help: "The lab that is watched and the file that it was read from. Always 1.",
};
/// When the lab was applied.
pub const LAB_APPLIED: Metric = Metric {
    name: "netmon_lab_applied_timestamp_seconds",
    kind: MetricKind::Gauge,
    labels: &["lab"],
    help: "Unix time at which the lab was built, or last changed to what its file says.",
};

/// Outcome of a probe.
pub const PROBE_SUCCESS: Metric = Metric {
    name: "netmon_probe_success",
    kind: MetricKind::Gauge,
    labels: PROBE,
    help: "Whether the last attempt of the probe succeeded: 1 or 0.",
};
/// Duration of a probe's attempts.
pub const PROBE_DURATION: Metric = Metric {
    name: "netmon_probe_duration_seconds",
    kind: MetricKind::Histogram,
    labels: PROBE,
    help: "Duration of the successful attempts of the probe, as seen in user space.",
};
/// Failed attempts of a probe.
pub const PROBE_FAILURES: Metric = Metric {
    name: "netmon_probe_failures_total",
    kind: MetricKind::Counter,
    labels: PROBE,
    help: "Attempts of the probe that failed or timed out.",
};

/// Every metric, in the order in which they are exported.
pub const ALL: &[Metric] = &[
    PACKETS,
    BYTES,
    SEGMENTS,
    WIRE_BYTES,
    UNSTAMPED_PACKETS,
    REFUSED_STAMPS,
    UNJOINED_PACKETS,
    LINK_LATENCY,
    LINK_QUEUE,
    LINK_CROSSING,
    LINK_LOST,
    IMPAIRMENT_DELAY,
    IMPAIRMENT_JITTER,
    IMPAIRMENT_LOSS,
    IMPAIRMENT_RATE,
    ICMP_RTT,
    ICMP_UNANSWERED,
    ICMP_REPEATED,
    TCP_HANDSHAKE,
    TCP_RTT,
    TCP_RESPONSE,
    TCP_UNSURE,
    TCP_CONNECTIONS,
    TCP_RETRANSMITS,
    TCP_REORDERED,
    DNS_LATENCY,
    DNS_RESPONSES,
    DNS_UNANSWERED,
    DNS_REPEATED,
    PROBE_SUCCESS,
    PROBE_DURATION,
    PROBE_FAILURES,
    DROPS,
    AUDIT_DIFFERENCE,
    AUDIT_EXPLAINED,
    PARSE_EXITS,
    ENDPOINT_UP,
    ENDPOINT_INFO,
    NETNS_INFO,
    DISCOVER_SKIPPED,
    PROGRAM_ATTACHED,
    FLOW_ENTRIES,
    UDP_FLOW_ENTRIES,
    UDP_FLOW_EVICTIONS,
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
    LAB_APPLIED,
];
