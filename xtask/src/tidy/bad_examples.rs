//! Messages that `docs/STYLE.md` shows as bad do not return to the code.
//!
//! The page has each beside a good one, on a line that begins with `BAD`. Short examples are skipped, since a good
//! message may contain them. A message with other words in it is not recognised: that is left to the reviewer.

use super::{Finding, tree::Tree};

const PAGE: &str = "docs/STYLE.md";
/// Shorter examples are skipped.
const MIN_BYTES: usize = 20;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else { return vec![Finding::new(PAGE, 1, "is missing")] };
    let bad: Vec<&str> = page.text.lines().filter_map(bad_example).collect();
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (line, text) in (1..).zip(file.text.lines()) {
            let found = bad.iter().filter(|example| text.contains(**example));
            let message = |example| format!("\"{example}\" is a bad example in {PAGE}: use the good one");
            findings.extend(found.map(|example| Finding::new(&file.path, line, message(example))));
        }
    }
    findings
}

fn bad_example(line: &str) -> Option<&str> {
    line.strip_prefix("BAD ").map(str::trim).filter(|example| example.len() >= MIN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: &str =
        "```text\nBAD   the lamp was made to be no more\nGOOD  the lamp was removed\n\nBAD   lamp\n```\n";

    fn lines(code: &str) -> Vec<usize> {
        let tree = Tree::of(&[(PAGE, STYLE), ("netmon/src/a.rs", code)]);
        check(&tree).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn good_messages_and_short_bad_ones_pass() {
        assert_eq!(lines("fn f() { info!(\"the lamp was removed\"); }\n"), [0; 0]);
    }

    #[test]
    fn a_bad_message_is_found() {
        assert_eq!(
            lines("//! A lamp.\nfn f() { info!(\"{name}: the lamp was made to be no more\"); }\n"),
            [2]
        );
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
