//! The findings of `netmon doctor` for people: a line for each, with the advice below it.

use crate::{
    cli::clean::report as leftovers,
    doctor::{Diagnosis, Finding, Memory, Section, Status},
    render::{
        table::table,
        units::{bytes, count},
    },
};

const SECTIONS: [(Section, &str); 7] = [
    (Section::Privileges, "Privileges"),
    (Section::Kernel, "Kernel"),
    (Section::Host, "Host"),
    (Section::Qdiscs, "Queueing disciplines"),
    (Section::Hooks, "Programs on hooks"),
    (Section::Agents, "Agents"),
    (Section::Leftovers, "Leftovers"),
];
/// The maximum width of the column of names.
const MAX_WIDTH: usize = 30;

pub(super) fn text(diagnosis: &Diagnosis) -> String {
    let width = diagnosis.findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0).min(MAX_WIDTH);
    let mut parts = Vec::new();
    for (section, title) in SECTIONS {
        let found = diagnosis.findings.iter().filter(|finding| finding.section == section);
        let lines: Vec<String> = found.map(|finding| line(finding, width)).collect();
        parts.push(format!("{title}\n{}", lines.concat()));
        if section == Section::Leftovers && !diagnosis.leftovers.labs.is_empty() {
            parts.push(leftovers::text(&diagnosis.leftovers, false));
        }
    }
    parts.push(memory(&diagnosis.memory));
    parts.push(verdict(diagnosis));
    parts.join("\n")
}

fn line(finding: &Finding, width: usize) -> String {
    let status = word(finding.status);
    let mut text = format!("{status:<8} {:<width$}  {}\n", finding.what, finding.found);
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("{:<8} {:<width$}  -> {advice}\n", "", ""));
    }
    text
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Missing => "missing",
        Status::Note => "note",
    }
}

fn memory(memory: &Memory) -> String {
    let rows = memory.maps.iter().map(|need| {
        let how = need.per_endpoint.map_or_else(String::new, |how| {
            let endpoints = count(how.endpoints.into());
            format!("{endpoints} endpoints x {} CPUs x {} bytes", how.cpus, count(how.value_bytes as u64))
        });
        [need.map.clone(), bytes(need.bytes), how]
    });
    let rows = rows.chain([["total".to_owned(), bytes(memory.total_bytes), String::new()]]);
    let source = if memory.measured { "as the kernel accounts it" } else { "calculated, large maps only" };
    format!(
        "Memory of the maps for {} endpoints ({}) and {} connections, {source}\n{}\n",
        count(memory.scale.endpoints.into()),
        memory.scale.basis,
        count(memory.scale.flow_entries.into()),
        table([("MAP", false), ("MEMORY", true), ("", false)], rows)
    )
}

fn verdict(diagnosis: &Diagnosis) -> String {
    let missing: Vec<&str> = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Missing)
        .map(|finding| finding.what.as_str())
        .collect();
    match missing.is_empty() {
        true => "netmon can run here.\n".to_owned(),
        false => format!("netmon cannot run here, or not with this lab. Missing: {}.\n", missing.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{
        datapath::memory::{MapNeed, PerEndpoint},
        doctor::Scale,
        leftovers::{Leftovers, example},
    };

    fn finding(section: Section, status: Status, what: &str, found: &str, advice: Option<&str>) -> Finding {
        let advice = advice.map(str::to_owned);
        Finding { section, status, what: what.to_owned(), found: found.to_owned(), advice }
    }

    fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
        let per_endpoint = Some(PerEndpoint { endpoints: 64, cpus: 2, value_bytes: 1_024 });
        let map = |map: &str, bytes, per_endpoint| MapNeed { map: map.to_owned(), bytes, per_endpoint };
        Diagnosis {
            can_run: findings.iter().all(|finding| finding.status != Status::Missing),
            findings,
            memory: Memory {
                scale: Scale { basis: "lab direct".to_owned(), endpoints: 2, flow_entries: 65_536 },
                measured: true,
                maps: vec![map("COUNTERS", 131_072, per_endpoint), map("FLOWS", 16_777_216, None)],
                total_bytes: 16_908_288,
            },
            programs: Vec::new(),
            leftovers: Leftovers::default(),
        }
    }

    #[test]
    fn a_host_with_everything() {
        let ok = |section, what, found| finding(section, Status::Ok, what, found, None);
        assert_snapshot!(text(&diagnosis(vec![
            ok(Section::Privileges, "CAP_NET_ADMIN", "links, addresses and routes, and programs on hooks"),
            ok(Section::Kernel, "TCX", "supported"),
            ok(Section::Leftovers, "leftovers", "nothing"),
        ])));
    }

    #[test]
    fn missing_things_notes_and_leftovers() {
        let missing = finding(
            Section::Privileges,
            Status::Missing,
            "CAP_BPF",
            "not held; needed for loading programs and creating maps",
            Some("run netmon as root, for example with sudo"),
        );
        let note = finding(
            Section::Hooks,
            Status::Note,
            "egress of an-interface in a-namespace-with-a-long-name",
            "other (id 7) (TCX), position 1 of 2",
            Some("it runs before netmon: packets that it drops or redirects are not counted"),
        );
        let mut diagnosis = diagnosis(vec![missing, note]);
        diagnosis.memory.measured = false;
        diagnosis.leftovers = example::leftovers();
        assert_snapshot!(text(&diagnosis));
    }
}
