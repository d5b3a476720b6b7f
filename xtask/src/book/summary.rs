//! The table of contents, made from the index of the documentation: its headings are the parts, its links the chapters.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::Result;

/// The folder of the index.
const FOLDER: &str = "docs";
/// The page of the decisions, each of which is a chapter below it.
const DECISIONS: &str = "docs/adr/README.md";

/// Renders the table. `read` returns the text of a page by its path from the top.
pub(super) fn of(index: &str, read: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut summary = String::from("# Summary\n\n[netmon](index.md)\n\n[All pages](docs/index.md)\n");
    let mut seen = BTreeSet::from(["README.md".to_owned(), "docs/README.md".to_owned()]);
    for line in index.lines() {
        if let Some(part) = line.strip_prefix("## ") {
            let _ = write!(summary, "\n# {part}\n\n");
        }
        for page in pages(line, FOLDER) {
            if seen.insert(page.clone()) {
                let text = read(&page)?;
                summary.push_str(&chapter(0, &page, &text));
                if page == DECISIONS {
                    summary.push_str(&decisions(&text, &read)?);
                }
            }
        }
    }
    Ok(summary)
}

/// Renders the chapters below the page of the decisions.
fn decisions(index: &str, read: impl Fn(&str) -> Result<String>) -> Result<String> {
    let pages = index.lines().flat_map(|line| pages(line, "docs/adr"));
    let below: BTreeSet<String> = pages.filter(|page| page.starts_with("docs/adr/0")).collect();
    below.iter().map(|page| Ok(chapter(1, page, &read(page)?))).collect()
}

fn chapter(depth: usize, page: &str, text: &str) -> String {
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(page);
    let title: String = title.chars().filter(|c| !"[]`".contains(*c)).collect();
    let path = page.strip_suffix("README.md").map_or(page.to_owned(), |folder| format!("{folder}index.md"));
    format!("{:indent$}- [{title}]({path})\n", "", indent = 2 * depth)
}

/// Returns the pages that a line of a page in `folder` links to, as paths from the top.
fn pages(line: &str, folder: &str) -> impl Iterator<Item = String> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| target.ends_with(".md") && !target.contains("://")).map(move |target| {
        let mut parts: Vec<&str> = folder.split('/').collect();
        for part in target.split('/') {
            if part == ".." {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        parts.join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_parts_and_each_page_is_a_chapter_once() {
        let index = "# Documentation\n\n## Start\n\n- [front](../README.md), [a](A.md#part): text\n\n## Made\n\n\
                     [why](adr/README.md), [a](A.md), [work](../CONTRIBUTING.md), [web](https://a.b/c.md)\n";
        let read = |page: &str| {
            Ok(match page {
                "docs/adr/README.md" => "# Decisions\n\n- [0001](0001-a.md)\n".to_owned(),
                page => format!("# Title of `{page}`\n"),
            })
        };
        let expected = "# Summary\n\n[netmon](index.md)\n\n[All pages](docs/index.md)\n\n# Start\n\n\
                        - [Title of docs/A.md](docs/A.md)\n\n# Made\n\n- [Decisions](docs/adr/index.md)\n  \
                        - [Title of docs/adr/0001-a.md](docs/adr/0001-a.md)\n\
                        - [Title of CONTRIBUTING.md](CONTRIBUTING.md)\n";
        assert_eq!(of(index, read).expect("made"), expected);
    }
}
