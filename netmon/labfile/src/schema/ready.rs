//! The keys of a service's `ready`.

use super::{
    Schema, TextFormat, ValueType, optional,
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
            ValueType::Texts(TextFormat::Any, 1),
            "A program and its arguments, one string each. The service is ready when it exits with code 0.",
            r#"command = ["pg_isready", "-h", "10.9.0.2"]"#,
        ),
        optional(
            "timeout",
            ValueType::Text(TextFormat::Any),
            "How long the service may take to become ready. The default is 10s.",
            r#"timeout = "30s""#,
        ),
    ],
    one_of: &["tcp", "http", "command"],
};
