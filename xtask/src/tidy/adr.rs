//! The pages of decisions are numbered without gaps or duplicates, and the index lists each.

use super::{Finding, tree::Tree};

const FOLDER: &str = "docs/adr/";
const INDEX: &str = "docs/adr/README.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let index = tree.file(INDEX).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    let pages = tree.under(FOLDER, ".md").filter(|file| file.path != INDEX);
    let numbered = pages.filter_map(|file| {
        let name = file.path.strip_prefix(FOLDER)?;
        Some((file, name, name.get(..4)?.parse::<usize>().ok()))
    });
    for (position, (file, name, number)) in numbered.enumerate() {
        if number != Some(position) {
            let message = format!(
                "the number of this page should be {position:04}: numbers have no gaps and no duplicates"
            );
            findings.push(Finding::new(&file.path, 1, message));
        }
        if !index.contains(&format!("({name})")) {
            findings.push(Finding::new(INDEX, 1, format!("does not link to {name}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_pages_in_the_index_pass() {
        let tree = Tree::of(&[
            ("docs/adr/0000-template.md", "# Title\n"),
            ("docs/adr/0001-one.md", "# One\n"),
            (INDEX, "- [0000](0000-template.md)\n- [0001](0001-one.md)\n"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_double_number_and_a_missing_link_are_found() {
        let tree = Tree::of(&[
            ("docs/adr/0000-template.md", "# Title\n"),
            ("docs/adr/0000-other.md", "# Other\n"),
            (INDEX, "- [0000](0000-template.md)\n"),
        ]);
        assert_eq!(check(&tree).len(), 2);
    }
}
