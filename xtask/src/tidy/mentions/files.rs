//! Files and folders of this repository: names that begin with one of its top folders.

use std::collections::BTreeSet;

use super::{Known, Tree};

pub(super) struct Files<'t> {
    tree: &'t Tree,
    folders: BTreeSet<&'t str>,
}

impl<'t> Files<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let folders = tree.files().filter_map(|file| Some(file.path.split_once('/')?.0)).collect();
        Self { tree, folders }
    }

    /// Returns the path in a word, or `None` if it names no file, or several (`*`), or stands for others (`TARGET`).
    fn path<'w>(&self, word: &'w str) -> Option<&'w str> {
        let path = word.trim_end_matches(['/', ',', '.', ')', '"']);
        let mut parts = path.split('/');
        let is_ours = parts.next().is_some_and(|top| self.folders.contains(top)) && word.contains('/');
        let is_pattern = path.contains(['*', '<', '{', '$', '…']);
        let stands_for_others = parts.any(|part| {
            let name = part.split(['.', '-']).next().unwrap_or(part);
            !name.is_empty() && !part.ends_with(".md") && name.chars().all(|c| c.is_ascii_uppercase())
        });
        (is_ours && !is_pattern && !stands_for_others).then_some(path)
    }

    fn exists(&self, path: &str) -> bool {
        let is_at =
            |file: &str| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.tree.files().any(|file| is_at(&file.path))
    }
}

impl Known for Files<'_> {
    fn missing(&self, code: &str) -> Vec<String> {
        let words = code.split(|c: char| c.is_whitespace() || "=;|&<>()".contains(c));
        let paths = words.filter_map(|word| self.path(word));
        paths.filter(|path| !self.exists(path)).map(|path| format!("there is no `{path}`")).collect()
    }
}
