//! `docs/METRICS.md` lists exactly the metrics of the code, with their types and labels.

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
    for (name, item) in &documented {
        let Some(metric) = known.get(name) else {
            findings.push(Finding::new(PAGE, item.line, format!("`{name}` is not in {NAMES}")));
            continue;
        };
        let right = metric.described();
        if item.described != right {
            let message = format!("`{name}` is {right} in {NAMES}, and {} here", item.described);
            findings.push(Finding::new(PAGE, item.line, message));
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
    /// Its type, as Prometheus calls it.
    kind: String,
    labels: Vec<String>,
}

impl Known {
    /// Returns type and labels as the page has them: `(counter; `link`, `netns`)`.
    fn described(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|label| format!("`{label}`")).collect();
        let gap = if labels.is_empty() { "" } else { "; " };
        format!("({}{gap}{})", self.kind, labels.join(", "))
    }
}

/// Returns the metrics of the code by name, or `None` if the file does not exist.
pub(super) fn known(tree: &Tree) -> Result<Option<BTreeMap<String, Known>>> {
    let Some(file) = tree.file(NAMES) else { return Ok(None) };
    let syntax = syn::parse_file(&file.text).with_context(|| format!("{NAMES} is not Rust"))?;
    let mut sets = LabelSets::default();
    sets.visit_file(&syntax);
    let mut names = Names { sets: sets.found, found: BTreeMap::new() };
    names.visit_file(&syntax);
    Ok(Some(names.found))
}

/// Returns the names that appear in a scrape: a histogram has three.
pub(super) fn series(known: &BTreeMap<String, Known>) -> BTreeSet<String> {
    let mut series = BTreeSet::new();
    for (name, metric) in known {
        if metric.kind == "histogram" {
            series.extend(["bucket", "sum", "count"].iter().map(|part| format!("{name}_{part}")));
        } else {
            series.insert(name.clone());
        }
    }
    series
}

/// Collects `const HOOK: &[&str] = &["link", ..]`.
#[derive(Default)]
struct LabelSets {
    found: BTreeMap<String, Vec<String>>,
}

impl<'ast> Visit<'ast> for LabelSets {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if let Some(labels) = strings(&item.expr) {
            self.found.insert(item.ident.to_string(), labels);
        }
    }
}

/// Returns the strings of `&["a", "b"]`, or `None` if the expression is another.
fn strings(expr: &syn::Expr) -> Option<Vec<String>> {
    let syn::Expr::Reference(reference) = expr else { return None };
    let syn::Expr::Array(array) = &*reference.expr else { return None };
    array.elems.iter().map(|element| string(element).map(syn::LitStr::value)).collect()
}

fn string(expr: &syn::Expr) -> Option<&syn::LitStr> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// Returns the last part of a path, such as `Counter` of `Kind::Counter`.
fn last_part(expr: &syn::Expr) -> Option<String> {
    let syn::Expr::Path(path) = expr else { return None };
    path.path.segments.last().map(|part| part.ident.to_string())
}

/// Collects `Metric { name: "..", kind: Kind::.., labels: .. }`.
struct Names {
    sets: BTreeMap<String, Vec<String>>,
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
        if let Some(name) = field("name").and_then(string) {
            let kind = field("kind").and_then(last_part).unwrap_or_default().to_lowercase();
            let set = |expr| last_part(expr).and_then(|name| self.sets.get(&name).cloned());
            let labels = field("labels").and_then(|expr| strings(expr).or_else(|| set(expr)));
            let line = name.span().start().line;
            self.found.insert(name.value(), Known { line, kind, labels: labels.unwrap_or_default() });
        }
        syn::visit::visit_expr_struct(self, metric);
    }
}

/// What the page says of a metric.
struct Item {
    line: usize,
    /// Type and labels, in parentheses.
    described: String,
}

/// Returns the metrics that items of the page begin with. An item may go on for several lines.
fn documented(page: &str) -> BTreeMap<String, Item> {
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    let mut items = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((name, _)) = line.strip_prefix("- `").and_then(|rest| rest.split_once('`')) else {
            continue;
        };
        if name.starts_with("netmon_") {
            let text = lines.iter().skip(index).take(4).copied().collect::<Vec<_>>().join(" ");
            let behind = text.split_once("` ").map_or("", |(_, behind)| behind);
            let described = behind.split_once("):").map_or(String::new(), |(inside, _)| format!("{inside})"));
            items.entry(name.to_owned()).or_insert(Item { line: index + 1, described });
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const HOOK: &[&str] = &[\"link\", \"netns\"];\npub const PACKETS: Metric = Metric {\n    \
                        name: \"netmon_packets_total\",\n    kind: Kind::Counter,\n    labels: HOOK,\n};\n\
                        pub const RTT: Metric = Metric {\n    name: \"netmon_icmp_rtt_seconds\",\n    \
                        kind: Kind::Histogram,\n    labels: &[],\n};\n";

    fn found(page: &str) -> Vec<(String, usize)> {
        let findings = check(&Tree::of(&[(NAMES, CODE), (PAGE, page)])).expect("checked");
        findings.into_iter().map(|finding| (finding.path, finding.line)).collect()
    }

    #[test]
    fn a_page_with_the_same_names_types_and_labels_passes() {
        let page = "- `netmon_packets_total` (counter; `link`,\n  `netns`): packets\n\
                    - `netmon_icmp_rtt_seconds` (histogram): round trips\n\nNo item: `netmon_egress`.\n";
        assert_eq!(found(page), []);
    }

    #[test]
    fn a_name_on_one_side_only_is_found_from_both_sides() {
        let page = "- `netmon_packets_total` (counter; `link`, `netns`): packets\n- `netmon_gone_total` (counter): a\n";
        assert_eq!(found(page), [(PAGE.to_owned(), 2), (NAMES.to_owned(), 8)]);
    }

    #[test]
    fn another_type_and_another_label_are_found() {
        let page = "- `netmon_packets_total` (counter; `link`): packets\n\
                    - `netmon_icmp_rtt_seconds` (gauge): round trips\n";
        assert_eq!(found(page), [(PAGE.to_owned(), 2), (PAGE.to_owned(), 1)]);
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
