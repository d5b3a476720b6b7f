//! The change log has a section for unreleased changes.

use super::{Finding, tree::Tree};

const PATH: &str = "CHANGELOG.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let there = tree.file(PATH).is_some_and(|file| file.text.lines().any(|line| line == "## [Unreleased]"));
    if there { Vec::new() } else { vec![Finding::new(PATH, 1, "has no section `## [Unreleased]`")] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_with_the_section_passes() {
        let tree = Tree::of(&[(PATH, "# Changelog\n\n## [Unreleased]\n")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_log_without_it_and_no_log_at_all_are_found() {
        assert_eq!(check(&Tree::of(&[(PATH, "# Changelog\n")])).len(), 1);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
