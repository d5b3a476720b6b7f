//! The keys of netmon's configuration file.

use super::{Schema, TextFormat, ValueType, optional};

/// The configuration file.
pub(crate) static SETTINGS: Schema = Schema {
    title: "the configuration file",
    keys: &[optional(
        "discover",
        ValueType::Table(&DISCOVER),
        "Which links of the host are found and watched.",
        "[discover]",
    )],
    one_of: &[],
};

/// `[discover]`.
pub(crate) static DISCOVER: Schema = Schema {
    title: "[discover]",
    keys: &[
        optional(
            "include",
            ValueType::Texts(TextFormat::Any, 0),
            "Take only links of which an end matches one of these filters.",
            r#"include = ["runtime=docker"]"#,
        ),
        optional(
            "exclude",
            ValueType::Texts(TextFormat::Any, 0),
            "Take no link of which an end matches one of these filters.",
            r#"exclude = ["kube-system.*"]"#,
        ),
        optional(
            "include_kind",
            ValueType::Texts(TextFormat::Any, 0),
            "Take interfaces of these kinds, too, each by itself.",
            r#"include_kind = ["physical", "bridge"]"#,
        ),
        optional("limit", ValueType::Integer(1, 1 << 20), "The maximum number of endpoints.", "limit = 1024"),
        optional(
            "mode",
            ValueType::Text(TextFormat::Any),
            "How links are measured: `tracing`, or `count` to count packets only.",
            r#"mode = "tracing""#,
        ),
    ],
    one_of: &[],
};
