//! Environment variables and other names in capitals that begin with `NETMON_`: a file of this repository reads or
//! writes each.

use super::{Known, Tree};

pub(super) struct Sources<'t>(&'t Tree);

impl<'t> Sources<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self(tree)
    }

    fn has(&self, name: &str) -> bool {
        let is_word = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let mut sources = self.0.files().filter(|file| !file.path.ends_with(".md"));
        sources.any(|file| file.text.split(name).skip(1).any(is_word))
    }
}

impl Known for Sources<'_> {
    fn missing(&self, code: &str) -> Vec<String> {
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words
            .filter(|word| word.starts_with("NETMON_") && !self.has(word))
            .map(|word| format!("nothing here reads `{word}`"))
            .collect()
    }
}
