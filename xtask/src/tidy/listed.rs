//! The index of the documentation links to every page in `docs/`, so that each can be found, and the book has it.

use super::{Finding, tree::Tree};

/// The index.
pub(crate) const INDEX: &str = "docs/README.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let index = tree.file(INDEX).map_or("", |file| file.text.as_str());
    let pages = tree.under("docs/", ".md").filter_map(|file| file.path.strip_prefix("docs/"));
    let missing = pages
        .filter(|page| *page != "README.md" && (!page.starts_with("adr/") || *page == "adr/README.md"))
        .filter(|page| !index.contains(&format!("({page})")));
    missing.map(|page| Finding::new(INDEX, 1, format!("does not link to {page}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_the_index_and_decisions_pass() {
        let tree = Tree::of(&[
            (INDEX, "[a](A.md), [one](labs/one.md), [why](adr/README.md)\n"),
            ("docs/A.md", ""),
            ("docs/labs/one.md", ""),
            ("docs/adr/README.md", ""),
            ("docs/adr/0001-a.md", ""),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_page_that_is_not_in_the_index_is_found() {
        let tree = Tree::of(&[(INDEX, "[a](A.md)\n"), ("docs/A.md", ""), ("docs/labs/one.md", "")]);
        assert_eq!(check(&tree), [Finding::new(INDEX, 1, "does not link to labs/one.md")]);
    }
}
