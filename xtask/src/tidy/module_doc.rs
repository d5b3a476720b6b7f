//! Every module opens with `//!` prose: what it is, why it exists, what it deliberately does not do.

use super::{Finding, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| !opens_with_doc(&file.text))
        .map(|file| {
            Finding::new(&file.path, 1, "a module opens with `//!` prose: what it is, and why it exists")
        })
        .collect()
}

/// Returns whether the text opens with prose. One word would only repeat the name of the file.
fn opens_with_doc(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//!").is_some_and(|prose| prose.split_whitespace().count() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_opens_with_prose_passes() {
        let tree = Tree::of(&[("a.rs", "//! Counts packets by protocol.\n\nfn f() {}\n")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_module_without_prose_is_found() {
        let tree = Tree::of(&[("a.rs", "use std::fs;\n"), ("b.rs", "//! endpoint.\n")]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["a.rs", "b.rs"]);
    }
}
