//! The pages of the repository: which there are, for whom, and what of them is code.

use super::tree::{File, Tree};

/// The pages outside of `docs/`.
const OTHERS: [&str; 4] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "dashboards/README.md"];

/// Returns every page.
pub(super) fn all(tree: &Tree) -> impl Iterator<Item = &File> {
    let is_page = |path: &str| path.ends_with(".md") && (OTHERS.contains(&path) || path.starts_with("docs/"));
    tree.files().filter(move |file| is_page(&file.path))
}

/// Returns the pages that describe the present. Decisions and the change log describe the past, the style page what
/// should not be.
pub(super) fn current(tree: &Tree) -> impl Iterator<Item = &File> {
    all(tree).filter(|page| {
        !page.path.starts_with("docs/adr/") && page.path != "CHANGELOG.md" && page.path != "docs/STYLE.md"
    })
}

/// Returns whether a page is for those who work on netmon, rather than with it.
pub(super) fn is_for_developers(path: &str) -> bool {
    path.starts_with("docs/adr/")
        || ["CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/STYLE.md"].contains(&path)
}

/// Returns the lines of a page that are not in a code block, with their numbers from 1.
pub(super) fn without_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

/// Returns the code between backquotes, with the numbers of its lines, except in code blocks.
pub(super) fn inline_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    without_code(text)
        .flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |code| (line, code)))
}

/// Returns what is typed at a prompt in a page's blocks of the kind `console`, with the numbers of its lines.
pub(super) fn typed(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_console = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            in_console = kind.starts_with("console");
        }
        let typed = line.strip_prefix("$ ").or(line.strip_prefix("# "))?;
        in_console.then_some((index + 1, typed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_lines_and_at_prompts_is_told_from_blocks_and_outputs() {
        let page = "Use `a b` or `c`.\n```console run\n$ d `e`\nf\n```\n```text\n$ `g`\n```\n`h`\n";
        assert_eq!(inline_code(page).collect::<Vec<_>>(), [(1, "a b"), (1, "c"), (9, "h")]);
        assert_eq!(typed(page).collect::<Vec<_>>(), [(3, "d `e`")]);
    }

    #[test]
    fn decisions_and_the_change_log_are_no_pages_of_the_present() {
        let tree = Tree::of(&[
            ("CHANGELOG.md", ""),
            ("README.md", ""),
            ("docs/API.md", ""),
            ("docs/adr/0001-a.md", ""),
            ("tests/a.md", ""),
        ]);
        assert_eq!(all(&tree).count(), 4);
        assert_eq!(
            current(&tree).map(|page| page.path.as_str()).collect::<Vec<_>>(),
            ["README.md", "docs/API.md"]
        );
    }
}
