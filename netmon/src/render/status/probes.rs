//! The table of a lab's probes.

use crate::{
    api::Probe,
    render::{
        table::table,
        units::{self, NONE},
    },
};

const COLUMNS: [(&str, bool); 8] = [
    ("FROM", false),
    ("PROBE", false),
    ("TARGET", false),
    ("SUCCEEDED", true),
    ("FAILED", true),
    ("P50", true),
    ("P99", true),
    ("NOW", false),
];

/// Renders a row for each probe. Returns `None` if there are no probes.
pub(super) fn section(probes: &[Probe]) -> Option<String> {
    (!probes.is_empty()).then(|| table(COLUMNS, probes.iter().map(row)))
}

fn row(probe: &Probe) -> [String; 8] {
    let duration = |ns: Option<u64>| ns.map_or(NONE.to_owned(), units::duration);
    let state = match (probe.success, &probe.error) {
        (None, _) => "starting".to_owned(),
        (Some(true), _) => "ok".to_owned(),
        (Some(false), error) => error.clone().unwrap_or_else(|| "failed".to_owned()),
    };
    [
        probe.from.to_string(),
        probe.kind.clone(),
        probe.name.clone(),
        units::count(probe.duration.count),
        units::count(probe.failures),
        duration(probe.duration.p50_ns),
        duration(probe.duration.p99_ns),
        state,
    ]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::example;

    #[test]
    fn a_probe_has_its_state_now_and_why_it_fails() {
        assert_snapshot!(section(&example::probes()).unwrap());
    }

    #[test]
    fn without_probes_there_is_no_table() {
        assert_eq!(section(&[]), None);
    }
}
