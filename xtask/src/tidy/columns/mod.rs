//! Lines of pages end before the 100th column, so that a terminal shows them and a changed word is a small difference.
//!
//! Code is exempt: it shows what programs print. So are headings, comments, lines that are a single word, such as a link
//! or a piece of code, and the tables of pages for developers, which people do not read on a terminal.
//! `cargo xtask tidy --wrap` breaks the lines.

mod wrap;

use std::fs;

use anyhow::{Context as _, Result};

use super::{
    Finding, pages,
    tree::{File, Tree},
};
use crate::workspace;

/// Lines end before this column.
const WIDTH: usize = 100;
/// Pages whose tables are still wide.
const WIDE_TABLES: [&str; 3] = ["docs/PRIVILEGES.md", "docs/SECURITY.md", "docs/SYSTEMD.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    pages::all(tree).flat_map(of_page).collect()
}

fn of_page(page: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in pages::without_code(&page.text) {
        if !is_wide(line) || line.starts_with(['#', '<']) || is_one_word(line) {
            continue;
        }
        if !line.starts_with('|') {
            findings.push(Finding::new(&page.path, index, "wider than 99 columns: cargo xtask tidy --wrap"));
        } else if !pages::is_for_developers(&page.path) && !WIDE_TABLES.contains(&page.path.as_str()) {
            findings.push(Finding::new(
                &page.path,
                index,
                "a row wider than 99 columns: shorten it, or make the table a list",
            ));
        }
    }
    findings
}

fn is_wide(line: &str) -> bool {
    line.chars().count() >= WIDTH
}

/// Returns whether a line has nothing that it could be broken at, but for its indent and its marker.
fn is_one_word(line: &str) -> bool {
    wrap::words(line.trim_start().trim_start_matches("- ")).len() == 1
}

/// Breaks the wide lines of every page, and prints the names of the pages that this changes.
pub(super) fn wrap_all() -> Result<()> {
    let root = workspace::root()?;
    let tree = Tree::read(&root)?;
    for page in pages::all(&tree) {
        let wrapped = wrap::page(&page.text);
        if wrapped != page.text {
            let path = root.join(&page.path);
            fs::write(&path, wrapped).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}", page.path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    fn wide(start: &str) -> String {
        format!("{start}{}\n", "word ".repeat(21).trim_end())
    }

    #[test]
    fn narrow_lines_code_headings_and_single_words_pass() {
        let long = "x".repeat(120);
        assert_eq!(lines("docs/A.md", &format!("(`{long} y`,\n<!-- {long} y -->\n")), [0; 0]);
        let page = format!("{}\n```text\n{long} y\n```\n# {long} y\n- {long}\n", "word ".repeat(19));
        assert_eq!(lines("docs/A.md", &page), [0; 0]);
    }

    #[test]
    fn wide_prose_and_wide_rows_are_found() {
        let page = wide("") + &wide("| ") + &wide("- ");
        assert_eq!(lines("docs/A.md", &page), [1, 2, 3]);
        assert_eq!(lines("README.md", &page), [1, 2, 3]);
    }

    #[test]
    fn a_page_for_developers_may_have_wide_rows_but_no_wide_prose() {
        let page = wide("") + &wide("| ");
        assert_eq!(lines("docs/adr/0001-a.md", &page), [1]);
        assert_eq!(lines("netmon/notes.md", &page), [0; 0]);
    }
}
