//! The keys of `[[probe]]`, and those that say what is tried.

use super::{Form, Key, Schema, Shape, optional, required};

pub(super) const ICMP: Key = optional(
    "icmp",
    Shape::Text(Form::Host),
    "Echoes to this address, as ping has them.",
    r#"icmp = "10.9.0.2""#,
);
pub(super) const TCP: Key = optional(
    "tcp",
    Shape::Text(Form::Socket),
    "Connections to this address and port, closed at once.",
    r#"tcp = "10.9.0.2:443""#,
);
pub(super) const HTTP: Key = optional(
    "http",
    Shape::Text(Form::Any),
    "Requests for this URL, with an address and no name in it.",
    r#"http = "http://10.9.0.2/""#,
);
pub(super) const DNS: Key = optional(
    "dns",
    Shape::Text(Form::Socket),
    "Questions over UDP to the DNS server at this address and port; `query` is the name in question.",
    r#"dns = "10.9.0.2:53""#,
);
pub(super) const QUERY: Key =
    optional("query", Shape::Text(Form::Any), "The name that `dns` asks for.", r#"query = "example.test""#);
pub(super) const TYPE: Key = optional(
    "type",
    Shape::Text(Form::RecordType),
    "The type of record that `dns` asks for; by default A.",
    r#"type = "AAAA""#,
);
pub(super) const STATUS: Key = optional(
    "status",
    Shape::Integer(100, 599),
    "The status that `http` is answered with; by default any from 200 to 399.",
    "status = 200",
);

/// `[[probe]]`.
pub(crate) static PROBE: Schema = Schema {
    title: "[[probe]]",
    keys: &[
        optional(
            "name",
            Shape::Text(Form::LinkName),
            "The `target` label of its metrics; by default what it is aimed at.",
            r#"name = "web""#,
        ),
        required(
            "from",
            Shape::Text(Form::Namespace),
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
            Shape::Text(Form::Any),
            "The time from one attempt to the next; by default 1s.",
            r#"interval = "5s""#,
        ),
        optional(
            "timeout",
            Shape::Text(Form::Any),
            "How long an attempt may take: by default the interval, and at most that.",
            r#"timeout = "500ms""#,
        ),
    ],
    one_of: &["icmp", "tcp", "http", "dns"],
};
