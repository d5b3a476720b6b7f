//! Text from files, made safe for messages.

/// Returns a text for use in a message: quoted, escaped and of bounded length.
#[must_use]
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_before_it_is_shown() {
        assert!(quoted(&"x".repeat(4_000_000)).len() < 100);
        assert_eq!(quoted("a\u{1b}b"), "\"a\\u{1b}b\"");
    }
}
