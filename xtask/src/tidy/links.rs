//! Links between the pages of this repository have a target.

use super::{
    Finding,
    tree::{File, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.under("", ".md") {
        for (line, target) in targets(&file.text) {
            if !has_target(tree, file, target) {
                findings.push(Finding::new(&file.path, line, format!("the link to {target} has no target")));
            }
        }
    }
    findings
}

/// Returns the targets of Markdown links with their lines, except in code blocks.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let ends = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            targets.extend(ends.map(|(target, _)| (index + 1, target)));
        }
    }
    targets
}

fn has_target(tree: &Tree, from: &File, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { from.path.clone() } else { resolve(&from.path, path) };
    let is_folder = tree.files().any(|file| file.path.starts_with(&format!("{path}/")));
    match tree.file(&path) {
        Some(file) => anchor.is_empty() || has_anchor(&file.text, anchor),
        None => is_folder,
    }
}

/// Returns whether a page has a heading with this anchor.
pub(super) fn has_anchor(page: &str, anchor: &str) -> bool {
    page.lines().any(|line| anchor_of(line) == anchor)
}

/// Resolves a relative link to a path from the top of the workspace.
fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns the anchor of a heading, or an empty string if the line is not a heading.
fn anchor_of(line: &str) -> String {
    let title = line.trim_start_matches('#');
    if title.len() == line.len() || !title.starts_with(' ') {
        return String::new();
    }
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_folders_headings_and_the_web_pass() {
        let page = "[a](docs/A.md), [b](docs/), [c](#what-it-is), [d](https://example.org/x)\n## What it is\n\
                    ```text\n[x](y)\n```\n";
        let tree = Tree::of(&[("README.md", page), ("docs/A.md", "[up](../README.md#what-it-is)\n")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn links_to_nothing_are_found() {
        let tree = Tree::of(&[("docs/A.md", "[a](B.md)\n[b](../README.md)\n[c](#nowhere)\n")]);
        let lines: Vec<_> = check(&tree).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }
}
