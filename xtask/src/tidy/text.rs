//! Text files have no trailing white space and end with a line feed. Vendored files are unmodified, whatever they have.

use super::{
    Finding,
    tree::{File, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().filter(|file| !file.path.contains("/vendor/")).flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Finding> {
    let mut findings: Vec<_> = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(index, _)| Finding::new(&file.path, index + 1, "white space at the end of the line"))
        .collect();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        findings.push(Finding::new(&file.path, file.text.lines().count(), "no line feed at the end"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_passes() {
        let tree = Tree::of(&[("a.md", "one\n\ntwo\n")]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn trailing_blanks_and_a_missing_line_feed_are_found() {
        let tree = Tree::of(&[("a.md", "one \ntwo\t\nthree")]);
        let lines: Vec<_> = check(&tree).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }
}
