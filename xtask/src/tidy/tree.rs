//! The files of the workspace, read once.
//!
//! They are found by walking the folders, not through git: a check must give the same result in a release archive, and
//! in a checkout of another user, which git refuses to read.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// The endings of the text files that the rules read.
const TEXT: [&str; 13] =
    ["rs", "toml", "md", "json", "yml", "yaml", "sh", "lock", "js", "css", "html", "svg", "LICENSE"];
/// The hidden folders that belong to the sources.
const HIDDEN: [&str; 4] = [".ci", ".cargo", ".config", ".github"];

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the top of the workspace, separated by `/`.
    pub(crate) path: String,
    /// Its content; empty if it is not text that the rules read.
    pub(crate) text: String,
}

/// All files.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the workspace.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    /// Builds a tree for the tests of the rules.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Returns the files whose path has this prefix and this suffix.
    pub(crate) fn under<'t>(&'t self, start: &'t str, ending: &'t str) -> impl Iterator<Item = &'t File> {
        self.files().filter(move |file| file.path.starts_with(start) && file.path.ends_with(ending))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.under("", ".rs")
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().with_context(|| format!("cannot stat {path}"))?;
            if kind.is_dir() && is_ours(&name) {
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                let text = if is_text(&path) { read(&entry.path())? } else { String::new() };
                self.files.push(File { path, text });
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn is_ours(folder: &str) -> bool {
    folder != "target" && (!folder.starts_with('.') || HIDDEN.contains(&folder))
}

/// Returns whether the rules read a file. Licences are not our text, and captures are not text at all: such files are
/// known by name only.
fn is_text(path: &str) -> bool {
    path == ".ci/run" || path.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_output_and_the_files_of_git_are_left_out() {
        assert!(!is_ours("target"));
        assert!(!is_ours(".git"));
        assert!(is_ours(".ci"));
        assert!(is_ours("netmon"));
    }

    #[test]
    fn licences_are_not_our_text() {
        assert!(!is_text("LICENSE-GPL2"));
        assert!(is_text(".ci/run"));
        assert!(is_text("docs/METRICS.md"));
    }
}
