//! `round_trips` of an endpoint in `/api/v1/links`: latencies, and what became of requests and connections.

use std::collections::BTreeMap;

use netmon_ebpf::endpoint::{TcpEvent, Unsure};
use netmon_model::snapshot;
use serde::{Deserialize, Serialize};

use super::{Summary, by_label};

/// Round trips: the request passed this endpoint, and the answer came back through it. A summary is null
/// if it is not measured. Also counts requests without an answer, and segments that were sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// ICMP and ICMPv6 echo.
    pub icmp: Option<Summary>,
    /// TCP SYN to SYN/ACK.
    pub tcp_handshake: Option<Summary>,
    /// TCP data to its acknowledgement.
    pub tcp_rtt: Option<Summary>,
    /// Last byte of an HTTP/1 request in the clear to the first byte of its response.
    pub tcp_response: Option<Summary>,
    /// DNS query to its response.
    pub dns: Option<Summary>,
    /// Echo requests that were not answered within five seconds. Requests to groups are not followed.
    pub icmp_unanswered: u64,
    /// Echo requests that may still be answered.
    #[serde(default)]
    pub icmp_waiting: u64,
    /// Echo requests that passed again before they were answered.
    #[serde(default)]
    pub icmp_repeated: u64,
    /// Answered echo requests that give no round trip: repeated, or answered through another interface.
    #[serde(default)]
    pub icmp_unsampled: u64,
    /// DNS queries that were not answered within five seconds.
    #[serde(default)]
    pub dns_unanswered: u64,
    /// DNS queries that may still be answered.
    #[serde(default)]
    pub dns_waiting: u64,
    /// DNS queries that passed again before they were answered.
    #[serde(default)]
    pub dns_repeated: u64,
    /// Answered DNS queries that give no round trip: repeated, or answered through another interface.
    #[serde(default)]
    pub dns_unsampled: u64,
    /// TCP connections by event: opened, closed, reset, refused, found.
    pub tcp_connections: BTreeMap<String, u64>,
    /// TCP segments that were seen again, arriving.
    pub tcp_retransmits_ingress: u64,
    /// TCP segments that were seen again, leaving.
    pub tcp_retransmits_egress: u64,
    /// TCP segments that arrived after later ones, each for the first time.
    #[serde(default)]
    pub tcp_reordered_ingress: u64,
    /// The same for those that left.
    #[serde(default)]
    pub tcp_reordered_egress: u64,
    /// Responses that were not timed, by reason.
    #[serde(default)]
    pub tcp_unsure_responses: BTreeMap<String, u64>,
    /// DNS responses by response code; only codes that occurred.
    pub dns_responses: BTreeMap<String, u64>,
}

impl From<&snapshot::RoundTrips> for RoundTrips {
    fn from(trips: &snapshot::RoundTrips) -> Self {
        Self {
            icmp: Some(Summary::from(&trips.icmp)),
            tcp_handshake: Some(Summary::from(&trips.tcp_handshake)),
            tcp_rtt: trips.tcp_rtt.as_ref().map(Summary::from),
            tcp_response: Some(Summary::from(&trips.tcp_response)),
            dns: trips.dns.as_ref().map(Summary::from),
            icmp_unanswered: trips.icmp_requests.unanswered,
            icmp_waiting: trips.icmp_requests.waiting,
            icmp_repeated: trips.icmp_requests.repeated,
            icmp_unsampled: trips.icmp_requests.unsampled,
            dns_unanswered: trips.dns_queries.unanswered,
            dns_waiting: trips.dns_queries.waiting,
            dns_repeated: trips.dns_queries.repeated,
            dns_unsampled: trips.dns_queries.unsampled,
            tcp_connections: by_label(&trips.tcp_connections, TcpEvent::label),
            tcp_retransmits_ingress: trips.tcp_retransmits_ingress,
            tcp_retransmits_egress: trips.tcp_retransmits_egress,
            tcp_reordered_ingress: trips.tcp_reordered_ingress,
            tcp_reordered_egress: trips.tcp_reordered_egress,
            tcp_unsure_responses: by_label(&trips.tcp_unsure, Unsure::label),
            dns_responses: by_label(&trips.dns_responses, |code| code),
        }
    }
}
