//! Examines this host for `netmon doctor`: privileges, kernel features, memory, foreign programs on hooks, leftovers.
//!
//! Each file examines one thing, and reports what it found, what netmon does in that case, and what the user can do.
//! Features are tried, not derived from version numbers. The host is not changed: programs that are loaded and
//! namespaces that are created for a test are removed before [`examine`] returns. A thing that this process may not
//! examine is a note, not a failure.

mod discovery;
mod host;
mod kernel;
mod memory;
mod privileges;
mod programs;
mod qdiscs;

use serde::Serialize;

pub use self::{
    memory::{Memory, Scale},
    programs::ForeignProgram,
};
use crate::{
    leftovers::{self, Condition, Leftovers},
    topology::qdisc_support::MissingQdisc,
};

/// The result of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As netmon needs it.
    Ok,
    /// Absent, and netmon cannot run without it.
    Missing,
    /// Absent or unusual. netmon runs, and the advice says what differs.
    Note,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Capabilities of this process.
    Privileges,
    /// Kernel features.
    Kernel,
    /// Mounted file systems.
    Host,
    /// Queueing disciplines, which impairments need.
    Qdiscs,
    /// Foreign programs on hooks.
    Hooks,
    /// Running agents.
    Agents,
    /// Leftovers of dead labs.
    Leftovers,
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The section that it belongs to.
    pub section: Section,
    /// The result.
    pub status: Status,
    /// The name of the thing.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What netmon does in this case, or what the user can do. `None` if all is as it should be.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(section: Section, what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { section, status: Status::Ok, what: what.into(), found: found.into(), advice: None }
    }

    fn missing(
        section: Section,
        what: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { status: Status::Missing, advice, ..Self::ok(section, what, found) }
    }

    fn note(
        section: Section,
        what: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { status: Status::Note, advice, ..Self::ok(section, what, found) }
    }

    /// A thing that this process may not examine.
    fn not_examined(section: Section, what: impl Into<String>, why: &str) -> Self {
        Self::note(section, what, format!("not examined: {why}"), "run `netmon doctor` as root to examine it")
    }
}

/// All findings about this host.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Whether the host has everything that netmon and the lab need.
    pub can_run: bool,
    /// The findings, by section.
    pub findings: Vec<Finding>,
    /// Memory that the maps will take.
    pub memory: Memory,
    /// Foreign programs on hooks.
    pub programs: Vec<ForeignProgram>,
    /// The labs on this host, leftovers of dead ones among them.
    pub leftovers: Leftovers,
}

/// Examines this host.
///
/// The memory of the maps is that of an agent of size `scale`. `lacking` has the qdiscs that the lab in question needs and
/// this kernel does not have.
#[must_use]
pub fn examine(scale: Scale, lacking: &[MissingQdisc]) -> Diagnosis {
    let mut findings = privileges::examine();
    let kernel = kernel::examine(scale.flow_entries);
    findings.extend(kernel.findings);
    let [tracing, spread, delivery_times] = discovery::examine();
    findings.push(tracing);
    findings.extend(host::examine());
    findings.push(spread);
    findings.extend(qdiscs::examine(kernel.has_tcx, lacking));
    findings.push(delivery_times);
    let memory = Memory::for_scale(scale, kernel.datapath);
    let leftovers = leftovers::scan();
    let programs = programs::examine(&leftovers);
    findings.extend(programs.findings);
    findings.extend(agents(&leftovers));
    findings.extend(left_over(&leftovers));
    Diagnosis {
        can_run: !findings.iter().any(|finding| finding.status == Status::Missing),
        findings,
        memory,
        programs: programs.foreign,
        leftovers,
    }
}

fn agents(leftovers: &Leftovers) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for lab in &leftovers.labs {
        if let Condition::Held { holder } = &lab.condition {
            findings.push(Finding::ok(Section::Agents, format!("lab {}", lab.lab), holder.to_string()));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(Section::Agents, "agents", "none is running"));
    }
    findings
}

fn left_over(leftovers: &Leftovers) -> Vec<Finding> {
    let section = Section::Leftovers;
    let labs: Vec<&str> = leftovers
        .labs
        .iter()
        .filter(|lab| lab.is_dead() || lab.has_orphaned_filters())
        .map(|lab| lab.lab.as_str())
        .collect();
    let mut findings = Vec::new();
    if !leftovers.is_clean() {
        let found = if labs.is_empty() { "/run/netns".to_owned() } else { format!("of {}", labs.join(", ")) };
        findings.push(Finding::note(section, "leftovers", found, "`netmon clean` lists and removes it"));
    } else if leftovers.unreadable.is_empty() {
        findings.push(Finding::ok(section, "leftovers", "nothing"));
    }
    let unseen = leftovers.unreadable.iter();
    findings.extend(unseen.map(|why| Finding::not_examined(section, "leftovers", why)));
    findings
}
