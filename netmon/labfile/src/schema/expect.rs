//! The keys of `[[expect]]`.

use super::{
    super::expect::MAX_ATTEMPTS,
    Schema, TextFormat, ValueType, optional,
    probe::{DNS, HTTP, ICMP, QUERY, STATUS, TCP, TYPE},
    required,
};

/// `[[expect]]`.
pub(crate) static EXPECT: Schema = Schema {
    title: "[[expect]]",
    keys: &[
        optional(
            "name",
            ValueType::Text(TextFormat::Any),
            "Its name in reports. The default is derived from the check.",
            r#"name = "the client reaches the server""#,
        ),
        required(
            "from",
            ValueType::Text(TextFormat::Namespace),
            "Where the check runs: `root`, or the name of a `[[namespace]]`.",
            r#"from = "client""#,
        ),
        ICMP,
        TCP,
        HTTP,
        DNS,
        QUERY,
        TYPE,
        optional(
            "command",
            ValueType::Texts(TextFormat::Any, 1),
            "A program and its arguments, one string each. Exit code 0 is a success.",
            r#"command = ["ping", "-c", "1", "10.9.0.2"]"#,
        ),
        optional(
            "count",
            ValueType::Integer(1, MAX_ATTEMPTS),
            "The number of attempts. The default is 3, and 1 for a command.",
            "count = 10",
        ),
        optional(
            "reachable",
            ValueType::Boolean,
            "Whether attempts must succeed (the default), or must fail each time.",
            "reachable = false",
        ),
        STATUS,
        optional(
            "lost_at_most",
            ValueType::Text(TextFormat::Any),
            "The share of attempts that may fail. The default is 0%.",
            r#"lost_at_most = "1%""#,
        ),
        optional(
            "p50_below",
            ValueType::Text(TextFormat::Any),
            "A bound on the median time.",
            r#"p50_below = "1ms""#,
        ),
        optional(
            "p99_below",
            ValueType::Text(TextFormat::Any),
            "A bound on the 99th percentile of the time.",
            r#"p99_below = "10ms""#,
        ),
        optional(
            "link_latency_below",
            ValueType::Text(TextFormat::Any),
            "A bound on the mean one-way latency of each link in `crosses`, in the slower direction, as netmon measures it.",
            r#"link_latency_below = "200us""#,
        ),
        optional(
            "throughput_at_least",
            ValueType::Text(TextFormat::Rate),
            "The minimum throughput of a load: of a page (`http`), or of a connection over which netmon itself sends and \
             receives (`tcp`).",
            r#"throughput_at_least = "100mbit""#,
        ),
        optional(
            "crosses",
            ValueType::Texts(TextFormat::LinkName, 0),
            "Links by name. The packets must cross each of them.",
            r#"crosses = ["uplink"]"#,
        ),
        optional(
            "avoids",
            ValueType::Texts(TextFormat::LinkName, 0),
            "Links by name. The packets must cross none of them.",
            r#"avoids = ["backup"]"#,
        ),
    ],
    one_of: &["icmp", "tcp", "http", "dns", "command"],
};
