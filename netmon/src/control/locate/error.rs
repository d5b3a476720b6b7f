//! Why a lab, an agent or a link was not found, and what to do next.

use std::fmt;

use netmon_labfile::LoadError;
use netmon_model::names::{InvalidName, LabName, LinkName};
use thiserror::Error;

use crate::ownership::Holder;

/// A lab, an agent or a link was not found.
#[derive(Debug, Error)]
pub enum LocateError {
    /// The argument is no valid name of a lab.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The lab file cannot be read, or is invalid. Its diagnostics begin on a line of their own.
    #[error("cannot read the name of the lab from its file:\n{0}")]
    File(#[from] LoadError),
    /// A process holds the lab and does not serve HTTP.
    #[error("lab {lab} is held by {holder}, which is not serving yet; try again in a moment")]
    NotServing {
        /// The lab.
        lab: LabName,
        /// The process.
        holder: Holder,
    },
    /// The lab is up without an agent.
    #[error(
        "lab {0} is up, but nothing measures it: no agent runs. `netmon run` with the same lab file measures it, and \
         leaves it up when it ends"
    )]
    Unwatched(LabName),
    /// The lab is not up.
    #[error(
        "no agent runs lab {0}, and the lab is not up. Start it in another terminal with `netmon run`, or give \
         --address of an agent elsewhere"
    )]
    NotRunning(LabName),
    /// No lab is up.
    #[error(
        "no agent runs here, and no lab is up. Start one in another terminal with `netmon run`, or give --address of \
         an agent elsewhere"
    )]
    NoAgent,
    /// Several agents run, none of them the built-in lab.
    #[error("several labs are running; name one of them: {}", list(.0, " | "))]
    SeveralAgents(Vec<LabName>),
    /// There is no link at all.
    #[error("no lab with a link is up: build one with `netmon up`, or `netmon run` in another terminal")]
    NoLinks,
    /// No link is called so.
    #[error("there is no link {wanted}; the links are:\n  {}", list(links, "\n  "))]
    NoSuchLink {
        /// What was given.
        wanted: String,
        /// All links.
        links: Vec<LabLink>,
    },
    /// Several links are called so.
    #[error("{wanted} may be any of these links; give its name or its lab:\n  {}", list(links, "\n  "))]
    AmbiguousLink {
        /// What was given.
        wanted: String,
        /// The links that it may be.
        links: Vec<LabLink>,
    },
}

/// A link and its lab, as an error lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabLink {
    /// The lab.
    pub lab: LabName,
    /// The link.
    pub link: LinkName,
}

impl fmt::Display for LabLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (lab {})", self.link, self.lab)
    }
}

fn list(items: &[impl fmt::Display], separator: &str) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(separator)
}
