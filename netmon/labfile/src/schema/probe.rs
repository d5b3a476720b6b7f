//! The keys of `[[probe]]`, and the keys of its checks, which other sections share.

use super::{Key, Schema, TextFormat, ValueType, optional, required};

pub(super) const ICMP: Key = optional(
    "icmp",
    ValueType::Text(TextFormat::Host),
    "Echo requests to this address, as ping sends them.",
    r#"icmp = "10.9.0.2""#,
);
pub(super) const TCP: Key = optional(
    "tcp",
    ValueType::Text(TextFormat::Socket),
    "Connections to this address and port, closed at once.",
    r#"tcp = "10.9.0.2:443""#,
);
pub(super) const HTTP: Key = optional(
    "http",
    ValueType::Text(TextFormat::Any),
    "Requests for this URL, with an address and not a name in it.",
    r#"http = "http://10.9.0.2/""#,
);
pub(super) const DNS: Key = optional(
    "dns",
    ValueType::Text(TextFormat::Socket),
    "Queries for the name in `query`, over UDP, to the DNS server at this address and port.",
    r#"dns = "10.9.0.2:53""#,
);
pub(super) const QUERY: Key = optional(
    "query",
    ValueType::Text(TextFormat::Any),
    "The name that `dns` queries.",
    r#"query = "example.test""#,
);
pub(super) const TYPE: Key = optional(
    "type",
    ValueType::Text(TextFormat::RecordType),
    "The record type that `dns` queries. The default is A.",
    r#"type = "AAAA""#,
);
pub(super) const STATUS: Key = optional(
    "status",
    ValueType::Integer(100, 599),
    "The required status of the answer to `http`. The default is any from 200 to 399.",
    "status = 200",
);

/// `[[probe]]`.
pub(crate) static PROBE: Schema = Schema {
    title: "[[probe]]",
    keys: &[
        optional(
            "name",
            ValueType::Text(TextFormat::LinkName),
            "The `target` label of its metrics. The default is the target itself.",
            r#"name = "web""#,
        ),
        required(
            "from",
            ValueType::Text(TextFormat::Namespace),
            "Where it is sent from: `root`, or the name of a `[[namespace]]`.",
            r#"from = "client""#,
        ),
        ICMP,
        TCP,
        HTTP,
        DNS,
        QUERY,
        TYPE,
        STATUS,
        optional(
            "interval",
            ValueType::Text(TextFormat::Any),
            "The time from the start of one attempt to the start of the next. The default is 1s.",
            r#"interval = "5s""#,
        ),
        optional(
            "timeout",
            ValueType::Text(TextFormat::Any),
            "How long an attempt may take: at most the interval, which is the default.",
            r#"timeout = "500ms""#,
        ),
    ],
    one_of: &["icmp", "tcp", "http", "dns"],
};
