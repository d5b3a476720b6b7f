//! The files of the book, copied to where mdBook reads them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::summary;
use crate::tidy::listed;

/// Files and folders that belong to the book: the pages, and what they link to.
const PARTS: [&str; 9] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-GPL2",
    "LICENSE-MIT",
    "dashboards",
    "docs",
    "labs",
];

/// Copies the parts from the workspace, and writes the table of contents.
pub(super) fn write(root: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for part in PARTS {
        copy(&root.join(part), &to.join(named(part)))?;
    }
    let index = read(&root.join(listed::INDEX))?;
    let summary = summary::of(&index, |page| read(&root.join(page)))?;
    let path = to.join("SUMMARY.md");
    fs::write(&path, summary).with_context(|| format!("cannot write {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
        for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
            let name = entry.with_context(|| format!("cannot list {}", from.display()))?.file_name();
            copy(&from.join(&name), &to.join(named(&name.to_string_lossy())))?;
        }
        return Ok(());
    }
    let is_page = from.extension().is_some_and(|ending| ending == "md");
    let bytes = if is_page {
        linked(&read(from)?).into_bytes()
    } else {
        fs::read(from).with_context(|| format!("cannot read {}", from.display()))?
    };
    fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))
}

/// The page of a folder is README.md on GitHub, and index.html in a browser. mdBook renames the former but not the
/// links to it, so it gets the latter's name before.
fn named(name: &str) -> &str {
    if name == "README.md" { "index.md" } else { name }
}

fn linked(page: &str) -> String {
    page.replace("/README.md)", "/index.md)")
        .replace("/README.md#", "/index.md#")
        .replace("(README.md", "(index.md")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_page_of_a_folder_follow_its_new_name() {
        let page = "[a](README.md), [b](../README.md#x), [c](adr/README.md), README.md";
        assert_eq!(linked(page), "[a](index.md), [b](../index.md#x), [c](adr/index.md), README.md");
    }
}
