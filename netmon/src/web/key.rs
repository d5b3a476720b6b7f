//! A fault in a web configuration file, with the key that has it.

use std::fmt;

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    key: String,
    text: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.text) } else { write!(f, "{}: {}", self.key, self.text) }
    }
}
