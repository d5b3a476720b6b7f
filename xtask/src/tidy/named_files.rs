//! The files and folders that the architecture page names exist.

use super::{Finding, tree::Tree};

const PAGE: &str = "docs/ARCHITECTURE.md";
/// Endings that mark a name as a file, even without a folder.
const ENDINGS: [&str; 4] = [".rs", ".md", ".toml", ".json"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else { return vec![Finding::new(PAGE, 1, "is missing")] };
    let mut findings = Vec::new();
    for (line, name) in named(&page.text) {
        if let Some(path) = as_path(tree, name)
            && !is_there(tree, path)
        {
            findings.push(Finding::new(PAGE, line, format!("there is no `{name}`")));
        }
    }
    findings
}

/// Returns the text in backticks with its line, except in code blocks.
fn named(page: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut names = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            names.extend(line.split('`').skip(1).step_by(2).map(|name| (index + 1, name)));
        }
    }
    names
}

/// Returns the path in a name, or `None` if it does not look like one. A path begins with a top-level folder of the
/// workspace, or is a folder (`a/`) or a source file. Patterns (`*`), Rust paths and absolute paths are not checked.
fn as_path<'n>(tree: &Tree, name: &'n str) -> Option<&'n str> {
    if name.starts_with('/') || name.contains("::") || name.contains(['*', '<', '{', ' ']) {
        return None;
    }
    // `a.rs:12` is a line in `a.rs`.
    let path = name
        .rsplit_once(':')
        .filter(|(_, line)| line.parse::<usize>().is_ok())
        .map_or(name, |(path, _)| path);
    let looks_like_one = path.ends_with('/')
        || ENDINGS.iter().any(|ending| path.ends_with(ending))
        || is_from_the_top(tree, path);
    looks_like_one.then_some(path)
}

/// Returns whether a path begins with a top-level folder of the workspace.
fn is_from_the_top(tree: &Tree, path: &str) -> bool {
    path.split_once('/').is_some_and(|(top, _)| tree.under(&format!("{top}/"), "").next().is_some())
}

/// Returns whether a path exists: from the top if it begins with a top-level folder, otherwise in any folder, since the
/// text around it names the room.
fn is_there(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let is_at_the_top =
        |file: &str| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_below = |file: &str| format!("/{file}/").contains(&format!("/{path}/"));
    let whole = is_from_the_top(tree, &format!("{path}/"));
    tree.files().any(|file| if whole { is_at_the_top(&file.path) } else { is_below(&file.path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(page: &str) -> Vec<usize> {
        let tree = Tree::of(&[
            (PAGE, page),
            ("Cargo.toml", ""),
            ("netmon/src/cli/exit.rs", ""),
            ("netmon/src/cli/graph/mod.rs", ""),
            ("tests/src/a.rs", ""),
        ]);
        check(&tree).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn existing_files_and_folders_pass() {
        let page = "`netmon/src/cli/`, `cli/exit.rs`, `exit.rs:12`, `graph/`, `tests/src`, `Cargo.toml`, `netmon/`\n\
                    `/metrics`, `sys`, `a::b`, `netmon/src/*`, `ip/tc`, `cargo xtask tidy`\n```text\n`top/`\n```\n";
        assert_eq!(lines(page), [0; 0]);
    }

    #[test]
    fn missing_files_and_folders_are_found() {
        let page = "`netmon/src/top/`\n`top/`\n`cli/gone.rs`\n`tests/src/b`\n`netmon/exit.rs`\n`it.rs`\n";
        assert_eq!(lines(page), [1, 2, 3, 4, 5, 6]);
    }
}
