//! The committed dashboards are those that `cargo xtask dashboards` makes, and there are no others.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    super::{Finding, tree::Tree},
    FOLDER,
};
use crate::{dashboards, kubernetes};

const MAKE: &str = "run `cargo xtask dashboards`";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    // The tests of other rules have trees without dashboards.
    if tree.under(FOLDER, ".json").next().is_none() {
        return Ok(Vec::new());
    }
    let mut findings = compare(tree, &dashboards::made())?;
    findings.extend(rule(tree)?);
    Ok(findings)
}

/// Compares the rules for the Prometheus operator with the rules.
fn rule(tree: &Tree) -> Result<Option<Finding>> {
    let rules = kubernetes::RULES.iter().filter_map(|path| tree.file(path)).map(|file| file.text.clone());
    let made = kubernetes::rule(&rules.collect::<Vec<_>>())?;
    let is_same = tree.file(kubernetes::RULE).is_some_and(|file| file.text == made);
    Ok((!is_same).then(|| Finding::new(kubernetes::RULE, 0, format!("is not made of the rules: {MAKE}"))))
}

fn compare(tree: &Tree, made: &[(String, Value)]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, json) in made {
        match tree.file(path) {
            None => findings.push(Finding::new(path, 0, format!("is missing: {MAKE}"))),
            Some(file) => {
                let committed: Value =
                    serde_json::from_str(&file.text).with_context(|| format!("{path} is not JSON"))?;
                if committed != *json {
                    findings.push(Finding::new(
                        path,
                        0,
                        format!("is not what the table of panels makes: {MAKE}"),
                    ));
                }
            }
        }
    }
    let others = tree.under(FOLDER, ".json").filter(|file| made.iter().all(|(path, _)| *path != file.path));
    findings.extend(
        others.map(|file| Finding::new(&file.path, 0, "is not made of the table of panels: remove it")),
    );
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dashboard_that_is_as_it_was_made_passes_whatever_its_spaces() {
        let tree = Tree::of(&[("dashboards/a.json", "{ \"title\" :\n \"a\" }")]);
        let made = [("dashboards/a.json".to_owned(), json!({ "title": "a" }))];
        assert_eq!(compare(&tree, &made).expect("checked"), []);
    }

    #[test]
    fn an_edited_a_missing_and_a_further_dashboard_are_found() {
        let tree = Tree::of(&[("dashboards/a.json", "{\"title\": \"b\"}"), ("dashboards/more.json", "{}")]);
        let made = ["a", "c"].map(|name| (format!("dashboards/{name}.json"), json!({ "title": "a" })));
        let found: Vec<_> = compare(&tree, &made).expect("checked").into_iter().map(|f| f.path).collect();
        assert_eq!(found, ["dashboards/a.json", "dashboards/c.json", "dashboards/more.json"]);
    }
}
