//! Recording and alert rules are complete: each alert says how bad it is, what to do, and is tested both ways.
//!
//! `promtool` checks their syntax and runs their tests. What it does not know is that an alert without a runbook leaves
//! its reader alone at night.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use super::{
    super::{
        Finding,
        links::has_anchor,
        tree::{File, Tree},
    },
    line_of, yaml,
};

const FOLDER: &str = "dashboards/rules/";
/// The ending of the files with tests.
const TESTS: &str = "_test.yaml";
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
/// The page that all runbooks are on.
const RUNBOOKS: &str = "docs/TROUBLESHOOTING.md";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let tests = tests(tree)?;
    let mut findings = Vec::new();
    let mut alerts = BTreeSet::new();
    for file in files(tree) {
        for rule in rules(&yaml::read(file)?) {
            let faults = match (rule["alert"].as_str(), rule["record"].as_str()) {
                (Some(alert), None) => {
                    alerts.insert(alert.to_owned());
                    (alert.to_owned(), of_alert(tree, alert, &rule, &tests))
                }
                (None, Some(record)) => (record.to_owned(), of_record(record)),
                _ => (String::new(), vec!["a rule is either an `alert` or a `record`".to_owned()]),
            };
            let line = line_of(&file.text, &faults.0);
            findings.extend(faults.1.into_iter().map(|fault| Finding::new(&file.path, line, fault)));
        }
    }
    findings.extend(without_alert(tree, &alerts));
    Ok(findings)
}

/// Returns the names of all recorded series.
pub(super) fn recorded(tree: &Tree) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files(tree) {
        names.extend(
            rules(&yaml::read(file)?).iter().filter_map(|rule| Some(rule["record"].as_str()?.to_owned())),
        );
    }
    Ok(names)
}

fn files(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.under(FOLDER, ".yaml").filter(|file| !file.path.ends_with(TESTS))
}

/// Returns the rules of all groups of a file.
fn rules(file: &Value) -> Vec<Value> {
    let groups = file["groups"].as_array().into_iter().flatten();
    groups.flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
}

/// An alert that a test expects, and whether it expects it to fire.
type Tested = (String, bool);

fn tests(tree: &Tree) -> Result<BTreeSet<Tested>> {
    let mut tested = BTreeSet::new();
    for file in tree.under(FOLDER, TESTS) {
        let read = yaml::read(file)?;
        let tests = read["tests"].as_array().into_iter().flatten();
        for check in tests.flat_map(|test| test["alert_rule_test"].as_array().into_iter().flatten()) {
            let name = check["alertname"].as_str().unwrap_or_default();
            let fires = check["exp_alerts"].as_array().is_some_and(|expected| !expected.is_empty());
            tested.insert((name.to_owned(), fires));
        }
    }
    Ok(tested)
}

fn of_alert(tree: &Tree, name: &str, rule: &Value, tests: &BTreeSet<Tested>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: String| {
        if !holds {
            faults.push(format!("{name}: {fault}"));
        }
    };
    let is_named = name.strip_prefix("Netmon").is_some_and(|rest| rest.starts_with(char::is_uppercase));
    require(is_named, "an alert is called `Netmon...`".to_owned());
    require(rule["for"].is_string(), "no `for`: it would fire at the first sample".to_owned());
    let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
    require(SEVERITIES.contains(&severity), format!("severity is one of {}", SEVERITIES.join(", ")));
    let annotation = |of: &str| rule["annotations"][of].as_str().unwrap_or_default();
    let summary = annotation("summary");
    let is_static = summary.ends_with('.') && !summary.contains("{{");
    require(is_static, "the summary is one sentence without values".to_owned());
    require(annotation("description").contains("{{ $labels."), "the description says where".to_owned());
    let runbook = format!("{RUNBOOKS}#{}", name.to_ascii_lowercase());
    require(annotation("runbook_url") == runbook, format!("its runbook is {runbook}"));
    let page = tree.file(RUNBOOKS);
    let has_section = page.is_some_and(|page| has_anchor(&page.text, &name.to_ascii_lowercase()));
    require(has_section, format!("{RUNBOOKS} has no section for it"));
    for (fires, how) in [(true, "fires"), (false, "does not fire")] {
        require(tests.contains(&(name.to_owned(), fires)), format!("no test in which it {how}"));
    }
    faults
}

/// A recorded series is called `level:metric:operations`, as Prometheus' practices have it.
fn of_record(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split(':').collect();
    let is_named =
        parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) && !parts[1].ends_with("_total");
    if is_named { Vec::new() } else { vec![format!("{name}: is not called level:metric:operations")] }
}

/// Returns the sections of the page of runbooks that are of no alert.
fn without_alert(tree: &Tree, alerts: &BTreeSet<String>) -> Vec<Finding> {
    let Some(page) = tree.file(RUNBOOKS) else { return Vec::new() };
    let headings = page.text.lines().enumerate().filter_map(|(index, line)| {
        let title = line.trim_start_matches('#').trim();
        (line.starts_with('#') && title.starts_with("Netmon")).then_some((index + 1, title))
    });
    headings
        .filter(|(_, title)| !alerts.contains(*title))
        .map(|(line, title)| Finding::new(RUNBOOKS, line, format!("there is no alert {title}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "groups:
  - name: a
    rules:
      - record: a:netmon_b:rate5m
        expr: b
      - alert: NetmonBad
        expr: a > 1
        for: 1m
        labels:
          severity: info
        annotations:
          summary: It is bad.
          description: At {{ $labels.instance }}.
          runbook_url: docs/TROUBLESHOOTING.md#netmonbad
";
    const TESTED: &str = "tests:\n  - alert_rule_test:\n      - alertname: NetmonBad\n        exp_alerts: []\n      \
                          - alertname: NetmonBad\n        exp_alerts:\n          - exp_labels: {}\n";

    fn found(rules: &str, tests: &str, page: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("dashboards/rules/a.yaml", rules),
            ("dashboards/rules/a_test.yaml", tests),
            (RUNBOOKS, page),
        ]);
        check(&tree).expect("checked").into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_complete_alert_and_a_well_named_record_pass() {
        assert_eq!(found(GOOD, TESTED, "### NetmonBad\n"), [""; 0]);
        let tree = Tree::of(&[("dashboards/rules/a.yaml", GOOD)]);
        assert_eq!(recorded(&tree).expect("read"), BTreeSet::from(["a:netmon_b:rate5m".to_owned()]));
    }

    #[test]
    fn each_missing_part_is_one_finding() {
        for (part, instead) in [
            ("severity: info", "severity: bad"),
            ("It is bad.", "It is bad"),
            ("It is bad.", "It is {{ $value }}."),
            ("{{ $labels.instance }}", "home"),
            ("#netmonbad", "#other"),
            ("for: 1m", "keep_firing_for: 1m"),
            ("a:netmon_b:rate5m", "netmon_b_rate5m"),
        ] {
            let rules = GOOD.replacen(part, instead, 1);
            assert_eq!(found(&rules, TESTED, "### NetmonBad\n").len(), 1, "{part}");
        }
    }

    #[test]
    fn an_alert_without_a_section_or_a_test_and_a_section_without_an_alert_are_found() {
        let only_firing = TESTED.replacen("        exp_alerts: []\n", "        exp_alerts: [{}]\n", 1);
        assert_eq!(
            found(GOOD, &only_firing, "### NetmonBad\n"),
            ["NetmonBad: no test in which it does not fire"]
        );
        let missing = "NetmonBad: docs/TROUBLESHOOTING.md has no section for it";
        assert_eq!(found(GOOD, TESTED, "### NetmonGone\n"), [missing, "there is no alert NetmonGone"]);
    }
}
