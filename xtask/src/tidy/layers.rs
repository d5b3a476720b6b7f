//! Data flows one way: what shows a snapshot never asks the kernel.
//!
//! Otherwise two outputs would disagree about the same moment, and rendering could not be tested without
//! root.

use anyhow::Result;

use super::{
    Finding,
    tokens::{self, Token},
    tree::{File, Tree},
};

/// The modules that only render.
const RENDERERS: [&str; 5] = [
    "netmon/src/metrics/",
    "netmon/src/server/page",
    "netmon/src/top/",
    "netmon/src/top.rs",
    "netmon/src/metrics.rs",
];
/// Crates that talk to the kernel.
const CRATES: [&str; 5] = ["aya", "aya_log", "libc", "rtnetlink", "rustix"];
/// Modules of ours that do.
const MODULES: [&str; 5] = ["datapath", "netlink", "netns", "sys", "topology"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| is_renderer(&file.path)) {
        findings.extend(of_file(file, before_tests(&tokens::of(file)?)));
    }
    Ok(findings)
}

/// What a renderer's tests measure with is their own business.
fn is_renderer(path: &str) -> bool {
    RENDERERS.iter().any(|module| path.starts_with(module)) && !path.ends_with("/tests.rs")
}

fn before_tests(tokens: &[Token]) -> &[Token] {
    let start = ["cfg", "(", "test", ")"];
    let is_start = |window: &[Token]| window.iter().zip(start).all(|(token, word)| token.text == word);
    let end = tokens.windows(start.len()).position(is_start).unwrap_or(tokens.len());
    tokens.get(..end).unwrap_or_default()
}

fn of_file(file: &File, tokens: &[Token]) -> Vec<Finding> {
    let finding = |line, what: &str| {
        Finding::new(&file.path, line, format!("`{what}` here: this module renders a snapshot, nothing else"))
    };
    let mut findings = Vec::new();
    for name in CRATES {
        let used = tokens::lines_of(tokens, &[name, ":", ":"]);
        findings.extend(used.into_iter().map(|line| finding(line, name)));
    }
    for name in MODULES {
        for start in ["crate", "super", "netmon"] {
            let used = tokens::lines_of(tokens, &[start, ":", ":", name]);
            findings.extend(used.into_iter().map(|line| finding(line, &format!("{start}::{name}"))));
        }
        findings.extend(in_group(tokens, name).into_iter().map(|line| finding(line, name)));
    }
    findings
}

/// Lines where `name` stands in the braces of a `use crate::{..}`, at their top level.
fn in_group(tokens: &[Token], name: &str) -> Vec<usize> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut lines = Vec::new();
    let starts = (0..tokens.len())
        .filter(|&at| [text(at), text(at + 1), text(at + 2), text(at + 3)] == ["crate", ":", ":", "{"]);
    for start in starts {
        let mut depth = 0;
        for (at, token) in tokens.iter().enumerate().skip(start + 3) {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                word if depth == 1 && word == name && ["{", ","].contains(&text(at - 1)) => {
                    lines.push(token.line);
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_a_snapshot_passes() {
        let tree = Tree::of(&[
            ("netmon/src/metrics/links.rs", "use crate::{names::LinkName, snapshot::Snapshot};\n"),
            ("netmon/src/datapath/mod.rs", "use aya::Ebpf;\n"),
            ("netmon/src/metrics/tests.rs", "use rustix::time;\n"),
            ("netmon/src/metrics/text.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use rustix::time; }\n"),
        ]);
        assert_eq!(check(&tree).expect("checked"), []);
    }

    #[test]
    fn reaching_for_the_kernel_is_found() {
        let source = "use aya::maps::Map;\nuse crate::{\n    names::X,\n    netlink,\n};\n\
                      fn f() { crate::sys::g(); }\n";
        let tree = Tree::of(&[("netmon/src/metrics/links.rs", source)]);
        let mut lines: Vec<_> = check(&tree).expect("checked").iter().map(|finding| finding.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [1, 4, 6]);
    }
}
