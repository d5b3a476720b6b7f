//! This crate's lint table is the workspace's but for two lints. Cargo does not merge tables, so the list is written
//! twice; this test fails when one of the two changes alone.

const WORKSPACE: &str = include_str!("../../Cargo.toml");
const HERE: &str = include_str!("../Cargo.toml");
/// Allowed here: a panic in a test's helper is a failed test with a line number.
const ALLOWED: [&str; 2] = ["expect_used", "unwrap_used"];

/// The entries of a table, sorted.
fn entries<'m>(manifest: &'m str, table: &str) -> Vec<&'m str> {
    let lines = manifest.lines().skip_while(|line| *line != table).skip(1);
    let mut entries: Vec<&str> =
        lines.take_while(|line| !line.starts_with('[')).filter(|line| line.contains(" = ")).collect();
    entries.sort_unstable();
    entries
}

#[test]
fn the_lints_are_the_workspaces_without_unwrap_and_expect() {
    for tool in ["rust", "clippy"] {
        let mut expected = entries(WORKSPACE, &format!("[workspace.lints.{tool}]"));
        expected.retain(|entry| !ALLOWED.iter().any(|lint| entry.starts_with(lint)));
        assert!(expected.len() >= 5, "{expected:?}");
        assert_eq!(entries(HERE, &format!("[lints.{tool}]")), expected);
    }
}
