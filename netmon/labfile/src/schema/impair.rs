//! The keys of `impair`, of a link and of its ends.

use super::{Schema, TextFormat, ValueType, optional};

/// `impair`.
pub(crate) static IMPAIR: Schema = Schema {
    title: "`impair`",
    keys: &[
        optional(
            "delay",
            ValueType::Text(TextFormat::Delay),
            "How long each packet is delayed. Needs a kernel with netem.",
            r#"delay = "10ms""#,
        ),
        optional(
            "jitter",
            ValueType::Text(TextFormat::Delay),
            "By how much the delay varies, up and down, evenly distributed.",
            r#"jitter = "1ms""#,
        ),
        optional(
            "loss",
            ValueType::Text(TextFormat::Loss),
            "The share of packets that is dropped, each independently.",
            r#"loss = "1%""#,
        ),
        optional(
            "rate",
            ValueType::Text(TextFormat::Rate),
            "Rate limit in bits a second. Packets queue for up to 50 ms.",
            r#"rate = "10mbit""#,
        ),
    ],
    one_of: &[],
};
