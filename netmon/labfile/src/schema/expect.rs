//! The keys of `[[expect]]`.

use super::{
    super::expect::MOST_ATTEMPTS,
    Form, Schema, Shape, optional,
    probe::{DNS, HTTP, ICMP, QUERY, STATUS, TCP, TYPE},
    required,
};

/// `[[expect]]`.
pub(crate) static EXPECT: Schema = Schema {
    title: "[[expect]]",
    keys: &[
        optional(
            "name",
            Shape::Text(Form::Any),
            "What reports call it; by default made of what is tried.",
            r#"name = "the client reaches the server""#,
        ),
        required(
            "from",
            Shape::Text(Form::Namespace),
            "Where it is tried: `root`, or the name of a `[[namespace]]`.",
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
            Shape::Texts(Form::Any, 1),
            "A program and its arguments, one string each; it succeeds by exit code 0.",
            r#"command = ["ping", "-c", "1", "10.9.0.2"]"#,
        ),
        optional(
            "count",
            Shape::Integer(1, MOST_ATTEMPTS),
            "How often it is tried; by default 3, and a command once.",
            "count = 10",
        ),
        optional(
            "reachable",
            Shape::Boolean,
            "Whether it is to succeed (the default), or to fail each time.",
            "reachable = false",
        ),
        STATUS,
        optional(
            "lost_at_most",
            Shape::Text(Form::Any),
            "How many of the attempts may fail; by default none.",
            r#"lost_at_most = "1%""#,
        ),
        optional("p50_below", Shape::Text(Form::Any), "A bound on the median time.", r#"p50_below = "1ms""#),
        optional(
            "p99_below",
            Shape::Text(Form::Any),
            "A bound on the time that 99 % of the attempts stay below.",
            r#"p99_below = "10ms""#,
        ),
        optional(
            "link_latency_below",
            Shape::Text(Form::Any),
            "A bound on the mean one-way latency of each link that `crosses` names, in both directions, as netmon measures it.",
            r#"link_latency_below = "200us""#,
        ),
        optional(
            "throughput_at_least",
            Shape::Text(Form::Rate),
            "What a load has to get through with: of a page (`http`), or of a connection that netmon sends and receives over \
             itself (`tcp`).",
            r#"throughput_at_least = "100mbit""#,
        ),
        optional(
            "crosses",
            Shape::Texts(Form::LinkName, 0),
            "Links by their names, on each of which the packets have to be seen.",
            r#"crosses = ["uplink"]"#,
        ),
        optional(
            "avoids",
            Shape::Texts(Form::LinkName, 0),
            "Links by their names, on none of which the packets may be seen.",
            r#"avoids = ["backup"]"#,
        ),
    ],
    one_of: &["icmp", "tcp", "http", "dns", "command"],
};
