//! Every snapshot belongs to a test: when a test is renamed or removed, its file goes too.
//!
//! insta compares a rendering with `snapshots/CRATE__MODULE__tests__NAME.snap` beside the file of the test, where NAME
//! is the test or the name that it gives. A file that no test names would stay for ever, and look tested.

use super::{
    Finding,
    tree::{File, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_orphan = |file: &&File| {
        let parts = file.path.strip_suffix(".snap").and_then(|path| path.split_once("/snapshots/"));
        parts.is_some_and(|(folder, file)| !has_test(tree, folder, file.rsplit("__").next().unwrap_or(file)))
    };
    let orphans = tree.files().filter(is_orphan);
    orphans
        .map(|file| Finding::new(&file.path, 0, "no test beside it has this snapshot: remove it"))
        .collect()
}

/// Returns whether a file in `folder` has a test of this name, or a snapshot that it names so.
fn has_test(tree: &Tree, folder: &str, name: &str) -> bool {
    let is_beside = |file: &&File| file.path.rsplit_once('/').is_some_and(|(parent, _)| parent == folder);
    let (test, named) = (format!("fn {name}("), format!("\"{name}\""));
    tree.rust().filter(is_beside).any(|file| file.text.contains(&test) || file.text.contains(&named))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "#[test]\nfn one() { assert_snapshot!(text); }\n\
                         #[test]\nfn two() { assert_snapshot!(\"second\", text); }\n";

    #[test]
    fn snapshots_of_tests_beside_them_pass() {
        let tree = Tree::of(&[
            ("netmon/src/render/flows.rs", TESTS),
            ("netmon/src/render/snapshots/netmon__render__flows__tests__one.snap", ""),
            ("netmon/src/render/snapshots/netmon__render__flows__tests__second.snap", ""),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn a_snapshot_without_a_test_is_found() {
        let orphan = "netmon/src/render/snapshots/netmon__render__flows__tests__three.snap";
        let elsewhere = "netmon/src/cli/snapshots/netmon__cli__flows__tests__one.snap";
        let tree = Tree::of(&[("netmon/src/render/flows.rs", TESTS), (orphan, ""), (elsewhere, "")]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, [orphan, elsewhere]);
    }
}
