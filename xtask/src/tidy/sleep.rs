//! Tests do not sleep: they wait for a condition, with a bound.
//!
//! A sleep that is too short fails on a busy machine, and one that is too long costs every run. The few intended ones
//! (the pause between two polls, a server that is slow on purpose) carry an `#[expect]` of clippy's lint with a reason.
//! This rule checks that they do where clippy does not look, in macros too.

use anyhow::Result;

use super::{
    Finding,
    tokens::{self, Token},
    tree::{File, Tree},
};

const EXPECTED: [&str; 5] = ["clippy", ":", ":", "disallowed_methods", ","];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        findings.extend(of_file(file, &tokens::of(file)?));
    }
    Ok(findings)
}

fn of_file(file: &File, tokens: &[Token]) -> Vec<Finding> {
    let reasons = tokens::lines_of(tokens, &EXPECTED);
    // Under `tests/` the whole file is a test; elsewhere everything after the first `cfg(test)` is.
    let from = if file.path.starts_with("tests/") {
        Some(0)
    } else {
        tokens::lines_of(tokens, &["cfg", "(", "test", ")"]).into_iter().min()
    };
    tokens::lines_of(tokens, &["thread", ":", ":", "sleep"])
        .into_iter()
        .filter(|&line| from.is_some_and(|from| line >= from))
        .filter(|&line| !is_expected(file, line, &reasons))
        .map(|line| {
            Finding::new(
                &file.path,
                line,
                "a test sleeps: wait for a condition with `eventually`, or give a reason",
            )
        })
        .collect()
}

/// Returns whether an expectation precedes the sleep in the same function or statement: no function begins in
/// between.
fn is_expected(file: &File, line: usize, reasons: &[usize]) -> bool {
    let Some(reason) = reasons.iter().copied().filter(|&reason| reason <= line).max() else {
        return false;
    };
    let between = file.text.lines().skip(reason).take(line - reason);
    between.filter(|text| text.contains("fn ")).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_with_a_reason_passes() {
        let source = "#[expect(clippy::disallowed_methods, reason = \"the pause between two looks\")]\n\
                      fn pause() {\n    std::thread::sleep(PAUSE);\n}\n";
        assert_eq!(check(&Tree::of(&[("tests/src/eventually.rs", source)])).expect("checked"), []);
    }

    #[test]
    fn a_blind_sleep_is_found() {
        let tests = "fn t() {\n    std::thread::sleep(PAUSE);\n}\n";
        let unit = "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn t() { thread::sleep(P); }\n}\n";
        let tree = Tree::of(&[("tests/privileged/ping.rs", tests), ("netmon/src/a.rs", unit)]);
        let lines: Vec<_> = check(&tree).expect("checked").iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 4]);
    }
}
