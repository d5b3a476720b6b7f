//! What netmon finds on this host: privileges, kernel features, memory, other people's programs, leftovers.
//!
//! Each file looks at one thing and says what is so, what netmon does then, and what there is to do about it.
//! Features are tried, not guessed from version numbers. Nothing is changed, and nothing stays: what is loaded or
//! made for a try is gone when this returns. What may not be looked at is said, and is no failure.

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

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Not there, and netmon cannot run without.
    Missing,
    /// Not there, or not as one may think, and netmon runs all the same.
    Note,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// What this process may do.
    Privileges,
    /// What the kernel can do.
    Kernel,
    /// What is mounted.
    Host,
    /// What impairments can be made with.
    Qdiscs,
    /// Whose programs are on the hooks.
    Hooks,
    /// Who watches a lab now.
    Agents,
    /// What dead labs left.
    Leftovers,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub section: Section,
    /// How it is.
    pub status: Status,
    /// The thing.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What netmon does then, or what there is to do.
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

    /// Something that this process may not look at.
    fn not_seen(section: Section, what: impl Into<String>, why: &str) -> Self {
        Self::note(section, what, format!("not looked at: {why}"), "run it as root to know")
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Whether nothing is missing that netmon needs.
    pub well: bool,
    /// One thing after the other, by section.
    pub findings: Vec<Finding>,
    /// What the maps will take.
    pub memory: Memory,
    /// Other people's programs on hooks.
    pub programs: Vec<ForeignProgram>,
    /// What labs have on this host.
    pub leftovers: Leftovers,
}

/// Looks at all of it. `scale` is what the maps' memory is reckoned for, and `lacking` what the lab in question wants and
/// this kernel does not have.
#[must_use]
pub fn examine(scale: Scale, lacking: &[MissingQdisc]) -> Diagnosis {
    let mut findings = privileges::examine();
    let kernel = kernel::examine(scale.flow_entries);
    findings.extend(kernel.findings);
    findings.extend(host::examine());
    findings.extend(qdiscs::examine(kernel.has_tcx, lacking));
    let memory = memory::of(scale, kernel.datapath);
    let leftovers = leftovers::scan();
    let programs = programs::examine(&leftovers);
    findings.extend(programs.findings);
    findings.extend(agents(&leftovers));
    findings.extend(left_over(&leftovers));
    Diagnosis {
        well: !findings.iter().any(|finding| finding.status == Status::Missing),
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
        findings.push(Finding::ok(Section::Agents, "agents", "none runs"));
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
        findings.push(Finding::note(section, "left over", found, "`netmon clean` lists it and removes it"));
    } else if leftovers.unreadable.is_empty() {
        findings.push(Finding::ok(section, "left over", "nothing"));
    }
    let unseen = leftovers.unreadable.iter();
    findings.extend(unseen.map(|why| Finding::not_seen(section, "left over", why)));
    findings
}
