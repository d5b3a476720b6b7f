//! The doctor's findings for people: a line each, and below it what there is to do.

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
    (Section::Leftovers, "Left over"),
];
/// The widest name that the column is made wider for.
const WIDEST: usize = 30;

pub(super) fn text(diagnosis: &Diagnosis) -> String {
    let width = diagnosis.findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0).min(WIDEST);
    let mut parts = Vec::new();
    for (section, title) in SECTIONS {
        let found = diagnosis.findings.iter().filter(|finding| finding.section == section);
        let lines: Vec<String> = found.map(|finding| line(finding, width)).collect();
        parts.push(format!("{title}\n{}", lines.concat()));
        if section == Section::Leftovers && !diagnosis.leftovers.labs.is_empty() {
            parts.push(leftovers::text(&diagnosis.leftovers));
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
    let rows = rows.chain([["all".to_owned(), bytes(memory.total_bytes), String::new()]]);
    let how = if memory.measured { "the kernel's own figures" } else { "reckoned, the large ones only" };
    format!(
        "Memory of the maps for {} endpoints ({}) and {} connections; {how}\n{}\n",
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
        false => format!("netmon cannot run here, or not this lab: {} missing.\n", missing.join(", ")),
    }
}
