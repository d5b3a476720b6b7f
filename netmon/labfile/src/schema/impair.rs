//! The keys of `impair`, of a link and of its ends.

use super::{Form, Schema, Shape, optional};

/// `impair`.
pub(crate) static IMPAIR: Schema = Schema {
    title: "`impair`",
    keys: &[
        optional(
            "delay",
            Shape::Text(Form::Delay),
            "How much later each packet leaves. Needs a kernel with netem.",
            r#"delay = "10ms""#,
        ),
        optional(
            "jitter",
            Shape::Text(Form::Delay),
            "By how much the delay varies, up and down, evenly distributed.",
            r#"jitter = "1ms""#,
        ),
        optional(
            "loss",
            Shape::Text(Form::Loss),
            "Which share of the packets is dropped, each by itself.",
            r#"loss = "1%""#,
        ),
        optional(
            "rate",
            Shape::Text(Form::Rate),
            "How many bits may leave in a second, with a queue of 50 ms before them.",
            r#"rate = "10mbit""#,
        ),
    ],
    one_of: &[],
};
