//! What came of the lab's probes, as a table.

use crate::{
    api::Probe,
    render::{
        table::table,
        units::{self, NONE},
    },
};

/// A line each; none without probes.
pub(super) fn section(probes: &[Probe]) -> Option<String> {
    let row = |probe: &Probe| {
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
    };
    let columns = [
        ("FROM", false),
        ("PROBE", false),
        ("TARGET", false),
        ("SUCCEEDED", true),
        ("FAILED", true),
        ("P50", true),
        ("P99", true),
        ("NOW", false),
    ];
    (!probes.is_empty()).then(|| table(columns, probes.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Summary;

    #[test]
    fn a_probe_is_shown_with_what_it_does_now_and_why_it_fails() {
        let up = Probe {
            from: "near".parse().unwrap(),
            name: "10.0.0.2:80".to_owned(),
            kind: "tcp".to_owned(),
            target: "10.0.0.2:80".to_owned(),
            interval_ns: 1_000_000_000,
            success: Some(true),
            last_ns: Some(50_000),
            error: None,
            duration: Summary { count: 3, p50_ns: Some(50_000), ..Summary::default() },
            failures: 0,
        };
        let error = Some("no connection within 1s".to_owned());
        let down = Probe { success: Some(false), error, failures: 7, ..up.clone() };
        let starting = Probe { success: None, ..up.clone() };
        let text = section(&[up, down, starting]).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("FROM") && lines[1].trim_end().ends_with("ok"), "{text}");
        assert!(lines[2].contains("no connection within 1s") && lines[2].contains(" 7 "), "{text}");
        assert!(lines[3].contains("starting"), "{text}");
        assert_eq!(section(&[]), None);
    }
}
