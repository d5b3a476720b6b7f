//! The keys of `[[expect]]`.

use super::{super::expect::MOST_ATTEMPTS, Form, Schema, Shape, optional, required};

/// `[[expect]]`.
pub(in crate::lab) static EXPECT: Schema = Schema {
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
        optional(
            "icmp",
            Shape::Text(Form::Host),
            "Echoes to this address, as ping has them.",
            r#"icmp = "10.9.0.2""#,
        ),
        optional(
            "tcp",
            Shape::Text(Form::Socket),
            "Connections to this address and port, closed at once.",
            r#"tcp = "10.9.0.2:443""#,
        ),
        optional(
            "http",
            Shape::Text(Form::Any),
            "Requests for this URL, with an address and no name in it.",
            r#"http = "http://10.9.0.2/""#,
        ),
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
        optional(
            "status",
            Shape::Integer(100, 599),
            "The status that `http` is answered with; by default any from 200 to 399.",
            "status = 200",
        ),
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
    one_of: &["icmp", "tcp", "http", "command"],
};
