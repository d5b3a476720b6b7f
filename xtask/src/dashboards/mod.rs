//! `cargo xtask dashboards`: makes `dashboards/*.json` from a table of panels.
//!
//! The metric names in the table are those of the agent: its `names.rs` is compiled into xtask, so a name that is
//! removed or changed there does not compile here. Dashboards that share panels, variables and links repay a generator,
//! and the JSON that it makes is committed, because it is what users import. `cargo xtask tidy` compares the two.
//!
//! `boards/` says what is drawn, `query.rs` writes PromQL, `panel.rs` is the plain data between them, and `grafana/`
//! encodes it. Nothing here reads a clock or a host: the same table gives the same JSON.

mod boards;
mod grafana;
#[path = "../../../netmon/src/metrics/names.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a module of the agent, of which only names and labels are used"
)]
mod names;
mod panel;
mod query;
mod round_trip;

use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use self::panel::Board;
use crate::{kubernetes, workspace};

/// Where the dashboards are.
pub(crate) const FOLDER: &str = "dashboards/";

/// The options of `cargo xtask dashboards`.
#[derive(Debug, Args)]
pub(crate) struct Dashboards {
    /// Write nothing; parse each committed dashboard with the Grafana Foundation SDK, encode it again, and compare
    #[arg(long)]
    round_trip: bool,
}

/// Writes every dashboard, or checks those that are committed.
pub(crate) fn run(options: &Dashboards) -> Result<()> {
    if options.round_trip {
        return check();
    }
    let root = workspace::root()?;
    for (path, json) in made() {
        let text = serde_json::to_string_pretty(&json).context("cannot encode a dashboard")?;
        fs::write(root.join(&path), text + "\n").with_context(|| format!("cannot write {path}"))?;
        eprintln!("xtask: wrote {path}");
    }
    let rules = kubernetes::RULES.map(|path| fs::read_to_string(root.join(path)));
    let rules = rules.into_iter().collect::<Result<Vec<_>, _>>().context("cannot read the rules")?;
    fs::write(root.join(kubernetes::RULE), kubernetes::rule(&rules)?)
        .with_context(|| format!("cannot write {}", kubernetes::RULE))?;
    eprintln!("xtask: wrote {}", kubernetes::RULE);
    Ok(())
}

/// Checks the committed dashboards with Grafana's own types.
pub(crate) fn check() -> Result<()> {
    round_trip::run()
}

/// Returns every dashboard with its path from the top of the workspace.
pub(crate) fn made() -> Vec<(String, Value)> {
    let encode = |board: &Board| (format!("{FOLDER}{}.json", board.file), grafana::dashboard(board));
    boards::all().iter().map(encode).collect()
}

/// Returns the labels of a series of netmon's. `None` if there is no such series.
pub(crate) fn labels_of(series: &str) -> Option<&'static [&'static str]> {
    let is_it = |metric: &&names::Metric| match metric.kind {
        names::MetricKind::Histogram => {
            series.strip_prefix(metric.name).is_some_and(|part| ["_bucket", "_sum", "_count"].contains(&part))
        }
        names::MetricKind::Counter | names::MetricKind::Gauge => metric.name == series,
    };
    names::ALL.iter().find(is_it).map(|metric| metric.labels)
}

/// Returns the labels of all series of netmon's; each as often as there are metrics that have it.
pub(crate) fn all_labels() -> impl Iterator<Item = &'static str> {
    names::ALL.iter().flat_map(|metric| metric.labels.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all expressions of the panels.
    fn expressions() -> Vec<String> {
        let boards = boards::all();
        let targets = boards.iter().flat_map(Board::panels).flat_map(|panel| &panel.targets);
        targets.map(|target| target.expr.clone()).collect()
    }

    #[test]
    fn every_metric_of_the_agent_is_drawn_in_a_panel() {
        let drawn = expressions().join("\n");
        let missing: Vec<_> = names::ALL.iter().filter(|metric| !drawn.contains(metric.name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn panel_ids_are_unique_in_their_board() {
        for board in boards::all() {
            let mut ids: Vec<u32> = board.items.iter().map(panel::Item::id).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "{}", board.file);
        }
    }

    #[test]
    fn panels_fill_their_rows_without_overlap() {
        for (path, json) in made() {
            let panels = json["panels"].as_array().expect("panels");
            let boxes: Vec<[u64; 4]> = panels
                .iter()
                .map(|panel| {
                    ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"))
                })
                .collect();
            for (index, [x, y, w, h]) in boxes.iter().enumerate() {
                assert!(x + w <= 24, "{path}: {}", panels[index]["title"]);
                let overlaps = boxes[index + 1..].iter().any(|[x2, y2, w2, h2]| {
                    x < &(x2 + w2) && x2 < &(x + w) && y < &(y2 + h2) && y2 < &(y + h)
                });
                assert!(!overlaps, "{path}: {}", panels[index]["title"]);
            }
        }
    }
}
