//! Words of commands that users can paste into a shell.

/// Quotes a name if necessary, so that a shell reads it as one word.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '@' | '+' | '/');
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_stays_and_any_other_is_quoted() {
        assert_eq!(shell_word("star-1.toml"), "star-1.toml");
        assert_eq!(shell_word("a'b c"), r"'a'\''b c'");
    }
}
