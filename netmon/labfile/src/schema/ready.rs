//! The keys of a service's `ready`.

use super::{
    Form, Schema, Shape, optional,
    probe::{HTTP, TCP},
};

/// `ready` of a service.
pub(crate) static READY: Schema = Schema {
    title: "a readiness check",
    keys: &[
        TCP,
        HTTP,
        optional(
            "command",
            Shape::Texts(Form::Any, 1),
            "A program and its arguments, one string each; the service is ready when it ends with exit code 0.",
            r#"command = ["pg_isready", "-h", "10.9.0.2"]"#,
        ),
        optional(
            "timeout",
            Shape::Text(Form::Any),
            "How long the service may take to get ready; by default 10s.",
            r#"timeout = "30s""#,
        ),
    ],
    one_of: &["tcp", "http", "command"],
};
