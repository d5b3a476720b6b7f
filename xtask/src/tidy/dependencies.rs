//! Every dependency is a decision: the workspace lists it with its version, and a page in `docs/adr/` states what it
//! replaces.

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use super::{
    Finding,
    tree::{File, Tree},
};

const WORKSPACE: &str = "Cargo.toml";
const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let Some(workspace) = tree.file(WORKSPACE) else { return Ok(Vec::new()) };
    let reasons: Vec<&str> = tree.under("docs/adr/", ".md").flat_map(|page| page.text.lines()).collect();
    let mut findings = without_reason(workspace, &reasons)?;
    for member in tree.under("", "/Cargo.toml") {
        findings.extend(not_shared(member)?);
    }
    Ok(findings)
}

/// Returns the dependencies that no page in `docs/adr/` has a line for. Members of the workspace need none.
fn without_reason(workspace: &File, reasons: &[&str]) -> Result<Vec<Finding>> {
    let table = parse(workspace)?;
    let dependencies = table.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let Some(dependencies) = dependencies.and_then(Value::as_table) else { return Ok(Vec::new()) };
    let findings = dependencies
        .iter()
        .filter(|(_, value)| value.get("path").is_none())
        .filter(|(name, _)| !reasons.iter().any(|line| line.starts_with(&format!("| `{name}` |"))))
        .map(|(name, _)| {
            let message = format!("dependency `{name}` has no line \"| `{name}` | .. |\" in docs/adr/");
            Finding::new(WORKSPACE, line_of(workspace, name), message)
        });
    Ok(findings.collect())
}

/// Returns the dependencies of a member that do not take their version from the workspace.
fn not_shared(member: &File) -> Result<Vec<Finding>> {
    let table = parse(member)?;
    let dependencies = KINDS.iter().filter_map(|kind| table.get(*kind)).filter_map(Value::as_table).flatten();
    let findings = dependencies
        .filter(|(_, value)| value.get("workspace").and_then(Value::as_bool) != Some(true))
        .map(|(name, _)| {
            let message = format!("dependency `{name}`: write `{name}.workspace = true`");
            Finding::new(&member.path, line_of(member, name), message)
        });
    Ok(findings.collect())
}

fn parse(file: &File) -> Result<Table> {
    file.text.parse().with_context(|| format!("{} is not TOML", file.path))
}

fn line_of(file: &File, name: &str) -> usize {
    file.text.lines().position(|line| line.starts_with(name)).unwrap_or_default() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\nown = { path = \"own\" }\nserde = \"1\"\n";

    #[test]
    fn a_shared_dependency_with_a_reason_passes() {
        let tree = Tree::of(&[
            (WORKSPACE, ROOT),
            ("own/Cargo.toml", "[dependencies]\nserde.workspace = true\n"),
            ("docs/adr/0001-dependencies.md", "| `serde` | a parser of our own |\n"),
        ]);
        assert_eq!(check(&tree).expect("checked"), []);
    }

    #[test]
    fn a_dependency_without_a_reason_or_of_its_own_version_is_found() {
        let tree = Tree::of(&[(WORKSPACE, ROOT), ("own/Cargo.toml", "[dependencies]\nlog = \"0.4\"\n")]);
        let found: Vec<_> = check(&tree).expect("checked").into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [(WORKSPACE.to_owned(), 3), ("own/Cargo.toml".to_owned(), 2)]);
    }
}
