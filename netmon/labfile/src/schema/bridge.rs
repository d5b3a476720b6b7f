//! The keys of `[[bridge]]`.

use super::{Schema, TextFormat, ValueType, optional, required};

/// `[[bridge]]`.
pub(crate) static BRIDGE: Schema = Schema {
    title: "[[bridge]]",
    keys: &[
        required(
            "name",
            ValueType::Text(TextFormat::Interface),
            "The interface's name: at most 15 bytes, unique in its namespace.",
            r#"name = "br0""#,
        ),
        required(
            "namespace",
            ValueType::Text(TextFormat::Namespace),
            "Where it is: `root`, or the name of a `[[namespace]]`.",
            r#"namespace = "root""#,
        ),
        optional(
            "addresses",
            ValueType::Texts(TextFormat::Address, 0),
            "Addresses of the namespace on the bridge's network, with their prefix length.",
            r#"addresses = ["10.201.0.1/24"]"#,
        ),
        optional(
            "owned",
            ValueType::Boolean,
            "Whether the lab creates it, which is the default. `false` for one in root that exists, such as docker0: links may \
             be ports of it, and nothing else of it is changed.",
            "owned = false",
        ),
    ],
    one_of: &[],
};
