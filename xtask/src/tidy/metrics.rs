//! `docs/METRICS.md` lists exactly the metrics of the code.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use syn::visit::Visit;

use super::{Finding, tree::Tree};

/// The page that lists them.
const PAGE: &str = "docs/METRICS.md";
/// The code that names them.
const NAMES: &str = "netmon/src/metrics/names.rs";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let Some(known) = known(tree)? else { return Ok(vec![Finding::new(NAMES, 1, "is missing")]) };
    let Some(page) = tree.file(PAGE) else { return Ok(vec![Finding::new(PAGE, 1, "is missing")]) };
    let documented = documented(&page.text);
    let mut findings = Vec::new();
    for (name, line) in &documented {
        if !known.contains_key(name) {
            findings.push(Finding::new(PAGE, *line, format!("`{name}` is not in {NAMES}")));
        }
    }
    for (name, metric) in &known {
        if !documented.contains_key(name) {
            findings.push(Finding::new(NAMES, metric.line, format!("`{name}` is not in {PAGE}")));
        }
    }
    Ok(findings)
}

/// A metric of the code.
#[derive(Debug)]
pub(super) struct Known {
    line: usize,
    is_histogram: bool,
}

/// Returns the metrics of the code by name, or `None` if the file does not exist.
pub(super) fn known(tree: &Tree) -> Result<Option<BTreeMap<String, Known>>> {
    let Some(file) = tree.file(NAMES) else { return Ok(None) };
    let syntax = syn::parse_file(&file.text).with_context(|| format!("{NAMES} is not Rust"))?;
    let mut names = Names::default();
    names.visit_file(&syntax);
    Ok(Some(names.found))
}

/// Returns the names that appear in a scrape: a histogram has three.
pub(super) fn series(known: &BTreeMap<String, Known>) -> BTreeSet<String> {
    let mut series = BTreeSet::new();
    for (name, metric) in known {
        if metric.is_histogram {
            series.extend(["bucket", "sum", "count"].iter().map(|part| format!("{name}_{part}")));
        } else {
            series.insert(name.clone());
        }
    }
    series
}

/// Collects `Metric { name: "..", kind: Kind::.., .. }`.
#[derive(Default)]
struct Names {
    found: BTreeMap<String, Known>,
}

impl<'ast> Visit<'ast> for Names {
    fn visit_expr_struct(&mut self, metric: &'ast syn::ExprStruct) {
        let field = |wanted: &str| {
            metric
                .fields
                .iter()
                .find(|field| matches!(&field.member, syn::Member::Named(name) if name == wanted))
                .map(|field| &field.expr)
        };
        if let Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. })) = field("name") {
            let is_histogram = matches!(field("kind"), Some(syn::Expr::Path(kind))
                if kind.path.segments.last().is_some_and(|last| last.ident == "Histogram"));
            let line = name.span().start().line;
            self.found.insert(name.value(), Known { line, is_histogram });
        }
        syn::visit::visit_expr_struct(self, metric);
    }
}

/// Returns the metric names in the first cells of the page's tables, with their lines.
fn documented(page: &str) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for (index, line) in page.lines().enumerate() {
        let Some(cell) = line.strip_prefix('|').and_then(|row| row.split('|').next()) else { continue };
        for code in cell.split('`').skip(1).step_by(2).filter(|code| code.starts_with("netmon_")) {
            names.entry(code.to_owned()).or_insert(index + 1);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "pub const PACKETS: Metric = Metric {\n    name: \"netmon_packets_total\",\n    \
                        kind: Kind::Counter,\n};\npub const RTT: Metric = Metric {\n    \
                        name: \"netmon_icmp_rtt_seconds\",\n    kind: Kind::Histogram,\n};\n";

    #[test]
    fn a_page_with_the_same_names_passes() {
        let page = "| metric | type |\n|---|---|\n| `netmon_packets_total` | counter |\n\
                    | `netmon_icmp_rtt_seconds` | histogram |\n\nNot a row: `netmon_egress`.\n";
        assert_eq!(check(&Tree::of(&[(NAMES, CODE), (PAGE, page)])).expect("checked"), []);
    }

    #[test]
    fn a_name_on_one_side_only_is_found_from_both_sides() {
        let page = "| `netmon_packets_total` | counter |\n| `netmon_gone_total` | counter |\n";
        let findings = check(&Tree::of(&[(NAMES, CODE), (PAGE, page)])).expect("checked");
        let found: Vec<_> = findings.iter().map(|finding| (finding.path.as_str(), finding.line)).collect();
        assert_eq!(found, [(PAGE, 2), (NAMES, 6)]);
    }

    #[test]
    fn a_histogram_has_three_series_and_none_of_its_own_name() {
        let known = known(&Tree::of(&[(NAMES, CODE)])).expect("checked").expect("a file");
        let series = series(&known);
        assert!(series.contains("netmon_icmp_rtt_seconds_bucket"));
        assert!(!series.contains("netmon_icmp_rtt_seconds"));
        assert!(series.contains("netmon_packets_total"));
    }
}
