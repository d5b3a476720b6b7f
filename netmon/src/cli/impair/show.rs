//! What a link's impairment is: as configured, and as the agent measured it.

use anyhow::anyhow;
use netmon_model::names::{LabName, LinkName};
use serde::Serialize;

use super::report;
use crate::{
    api::{Amounts, DeclaredImpairment, EndpointName, LinkDirection, Links, Measured, client::Client},
    cli::{output::Format, privileges::require_topology},
    control::locate,
    ownership::state::{RecordedInterface, RecordedLink},
    topology::impair,
};

/// The impairment of a link.
#[derive(Debug, Serialize)]
struct Shown {
    lab: LabName,
    link: LinkName,
    /// Whether an agent measures the link.
    measured: bool,
    directions: Vec<ShownDirection>,
}

#[derive(Debug, Serialize)]
struct ShownDirection {
    from: EndpointName,
    to: EndpointName,
    declared: Amounts,
    measured: Option<Measured>,
}

impl Shown {
    fn text(&self) -> String {
        let declared = |of: &ShownDirection| DeclaredImpairment {
            declared: of.declared,
            measured: of.measured.unwrap_or_default(),
        };
        let all: Vec<_> = self.directions.iter().map(|of| (&of.from, &of.to, declared(of))).collect();
        let table = if self.measured {
            report::table(all.iter().map(|(from, to, of)| (*from, *to, of)))
        } else {
            let all: Vec<_> = self
                .directions
                .iter()
                .map(|of| (of.from.clone(), of.to.clone(), of.declared.into()))
                .collect();
            report::declared(&all)
        };
        match table {
            Some(table) if self.measured => format!("{table}\n"),
            Some(table) => format!("{table}\n\nIt is not measured: no agent runs lab {}.\n", self.lab),
            None => format!("Link {} has no impairment.\n", self.link),
        }
    }
}

/// Reads a link's impairment and renders it.
///
/// # Errors
///
/// Fails if the agent does not answer or, without an agent, if the kernel cannot be queried.
pub(super) async fn show(lab: &LabName, link: &RecordedLink, format: Format) -> anyhow::Result<String> {
    let shown = read(lab, link).await?;
    Ok(match format {
        Format::Table => shown.text(),
        Format::Json => serde_json::to_string_pretty(&shown)? + "\n",
    })
}

/// Queries the agent; without one, the kernel.
async fn read(lab: &LabName, link: &RecordedLink) -> anyhow::Result<Shown> {
    let agent = locate::find_agent(lab);
    let directions = match agent {
        Some(address) => measured(&Client::new(address), lab, link).await?,
        None => declared(lab, link)?,
    };
    Ok(Shown { lab: lab.clone(), link: link.name.clone(), measured: agent.is_some(), directions })
}

async fn measured(agent: &Client, lab: &LabName, link: &RecordedLink) -> anyhow::Result<Vec<ShownDirection>> {
    let links: Links = agent.get("/api/v1/links").await?;
    let found = links.links.into_iter().find(|found| found.name == link.name);
    let found = found.ok_or_else(|| anyhow!("the agent of lab {lab} does not watch link {}", link.name))?;
    let measured = |direction: LinkDirection| ShownDirection {
        from: direction.from,
        to: direction.to,
        declared: direction.impairment.map(|impairment| impairment.declared).unwrap_or_default(),
        measured: direction.impairment.map(|impairment| impairment.measured),
    };
    Ok(found.a_to_b.into_iter().chain(found.b_to_a).map(measured).collect())
}

fn declared(lab: &LabName, link: &RecordedLink) -> anyhow::Result<Vec<ShownDirection>> {
    require_topology(&format!("reading link {}", link.name))?;
    let [a, b] = impair::installed(lab, &link.name)?;
    let name = |end: &RecordedInterface| EndpointName {
        namespace: end.namespace.clone(),
        interface: end.interface.clone(),
    };
    let declared = [(&link.a, &link.b, a), (&link.b, &link.a, b)].map(|(from, to, impairment)| {
        ShownDirection { from: name(from), to: name(to), declared: impairment.into(), measured: None }
    });
    Ok(declared.into())
}
