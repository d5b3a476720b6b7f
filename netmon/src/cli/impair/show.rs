//! What a link's impairment is: as configured, and as the agent measured it.

use anyhow::anyhow;
use netmon_model::{
    impairment::Impairment,
    names::{LabName, LinkName, Side},
};
use serde::Serialize;

use crate::{
    api::{Amounts, DeclaredImpairment, EndpointName, LinkDirection, Links, Measured, client::Client},
    cli::{output::Format, privileges::require_topology},
    control::locate,
    ownership::state::{RecordedInterface, RecordedLink},
    render::impairment,
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
            impairment::measured(all.iter().map(|(from, to, of)| (*from, *to, of)))
        } else {
            let all: Vec<_> = self
                .directions
                .iter()
                .map(|of| (of.from.clone(), of.to.clone(), of.declared.into()))
                .collect();
            impairment::declared(&all)
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

/// Reads from the kernel what a change has made of a link's impairment, and renders it: as a table, the ends that
/// `sides` names, a line each; as JSON, both.
///
/// # Errors
///
/// Fails if the kernel cannot be queried.
pub(super) fn changed(
    lab: &LabName,
    link: &RecordedLink,
    sides: &[Side],
    format: Format,
) -> anyhow::Result<String> {
    let directions = declared(lab, link)?;
    Ok(match format {
        Format::Table => {
            let both = [Side::A, Side::B].into_iter().zip(&directions);
            both.filter(|(side, _)| sides.contains(side)).map(|(_, direction)| line(direction)).collect()
        }
        Format::Json => {
            let shown = Shown { lab: lab.clone(), link: link.name.clone(), measured: false, directions };
            serde_json::to_string_pretty(&shown)? + "\n"
        }
    })
}

fn line(ShownDirection { from, to, declared, .. }: &ShownDirection) -> String {
    let name = |end: &EndpointName| format!("{}:{}", end.namespace, end.interface);
    format!("{} to {}: {}\n", name(from), name(to), Impairment::from(*declared))
}

/// Queries the agent; without one, the kernel.
async fn read(lab: &LabName, link: &RecordedLink) -> anyhow::Result<Shown> {
    let agent = locate::find_agent(lab);
    let directions = match &agent {
        Some(address) => measured(&Client::new(address.clone()), lab, link).await?,
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
        interface: end.interface.clone().into(),
    };
    let declared = [(&link.a, &link.b, a), (&link.b, &link.a, b)].map(|(from, to, impairment)| {
        ShownDirection { from: name(from), to: name(to), declared: impairment.into(), measured: None }
    });
    Ok(declared.into())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_change_is_shown_with_both_ends_of_its_direction() {
        let [there, back] = &shown().directions[..] else { panic!("two directions") };
        assert_eq!(line(there), "root:veth0 to direct_netns:veth1: loss 10%\n");
        assert_eq!(line(back), "direct_netns:veth1 to root:veth0: none\n");
    }

    /// A link with a loss of 10 % from root, as an agent measures it.
    fn shown() -> Shown {
        let end = |namespace: &str, interface: &str| EndpointName {
            namespace: namespace.parse().unwrap(),
            interface: interface.parse().unwrap(),
        };
        let (root, far) = (end("root", "veth0"), end("direct_netns", "veth1"));
        let loss = Amounts { loss_ppm: Some(100_000), ..Amounts::default() };
        let counted = Measured {
            loss_ppm: Some(98_000),
            sent_segments: 1_000,
            lost_segments: Some(98),
            ..Measured::default()
        };
        let direction = |from: &EndpointName, to: &EndpointName, declared, measured| ShownDirection {
            from: from.clone(),
            to: to.clone(),
            declared,
            measured,
        };
        Shown {
            lab: "direct".parse().unwrap(),
            link: "root:veth0--direct_netns:veth1".parse().unwrap(),
            measured: true,
            directions: vec![
                direction(&root, &far, loss, Some(counted)),
                direction(&far, &root, Amounts::default(), None),
            ],
        }
    }

    #[test]
    fn an_impairment_that_an_agent_measures() {
        assert_snapshot!(shown().text());
    }

    #[test]
    fn an_impairment_without_an_agent() {
        let mut shown = shown();
        shown.measured = false;
        shown.directions.iter_mut().for_each(|direction| direction.measured = None);
        assert_snapshot!(shown.text());
    }

    #[test]
    fn a_link_without_an_impairment() {
        let mut shown = shown();
        shown.directions.iter_mut().for_each(|direction| direction.declared = Amounts::default());
        assert_snapshot!(shown.text());
    }
}
