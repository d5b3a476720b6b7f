//! Why a lab, an agent or a link was not found, and what to do next.

use std::fmt;

use netmon_labfile::LoadError;
use netmon_model::names::{InvalidName, LabName, LinkName};
use thiserror::Error;

use crate::{
    ownership::{Holder, state},
    services::{self, ServiceStatus},
};

/// A lab, an agent or a link was not found.
#[derive(Debug, Error)]
pub enum LocateError {
    /// The argument is no valid name of a lab.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The lab file cannot be read, or is invalid. Its diagnostics begin on a line of their own.
    #[error("cannot read the name of the lab from its file:\n{0}")]
    File(#[from] LoadError),
    /// The file of a lab that is to be removed cannot be read, and no recorded lab was built from it.
    #[error(
        "cannot read the name of the lab from its file:\n{error}\n    help: `netmon down LAB` removes a lab by its name{}",
        named(labs)
    )]
    Unnamed {
        /// Why not. Part of the message, and so not its source.
        error: LoadError,
        /// The labs that are recorded.
        labs: Vec<LabName>,
    },
    /// A process holds the lab and does not serve HTTP.
    #[error("lab {lab} is held by {holder}, which is not serving yet; try again in a moment")]
    NotServing {
        /// The lab.
        lab: LabName,
        /// The process.
        holder: Holder,
    },
    /// The lab is up without an agent.
    #[error("{}", unwatched(lab, services, *is_counted))]
    Unwatched {
        /// The lab.
        lab: LabName,
        /// Its services, if they run without an agent and the caller may read their state.
        services: Vec<ServiceStatus>,
        /// Whether pinned programs count its packets (`--persist`).
        is_counted: bool,
    },
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
    /// No link has this name or this interface.
    #[error("there is no link {wanted}; the links are:\n  {}", list(links, "\n  "))]
    NoSuchLink {
        /// What was given.
        wanted: String,
        /// All links.
        links: Vec<LabLink>,
    },
    /// Several links have this name or this interface.
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

fn unwatched(lab: &LabName, services: &[ServiceStatus], is_counted: bool) -> String {
    let mut text = if is_counted {
        format!(
            "lab {lab} is up, and its packets are counted, but no agent runs that shows them. `netmon run` with the \
             same lab file does, all that was counted included, and leaves the lab up when it ends"
        )
    } else {
        format!(
            "lab {lab} is up, but nothing measures it: no agent runs. `netmon run` with the same lab file measures it, \
             and leaves it up when it ends"
        )
    };
    services.iter().for_each(|service| text += &format!("\n  {service}"));
    if !services.is_empty() {
        text += &format!("\n  their log: {}", services::log_file(&state::directory(lab)).display());
    }
    text
}

fn named(labs: &[LabName]) -> String {
    if labs.is_empty() { "; none is up".to_owned() } else { format!(": {}", list(labs, " | ")) }
}

fn list(items: &[impl fmt::Display], separator: &str) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceState;

    #[test]
    fn a_lab_without_an_agent_is_explained_with_its_services() {
        let service = |name: &str, state, restarts, last_exit: Option<&str>| ServiceStatus {
            name: name.to_owned(),
            namespace: "a".parse().unwrap(),
            what: String::new(),
            state,
            restarts,
            last_exit: last_exit.map(str::to_owned),
        };
        let running = ServiceState::Running { pid: Some(7), since_seconds: 0 };
        let services = [
            service("web", running, 0, None),
            service("sh", ServiceState::Waiting, 3, Some("exit status 7")),
        ];
        let text = unwatched(&"sv".parse().unwrap(), &services, false);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  service web in a runs",
                "  service sh in a has exited and is restarted after a pause; last exit: exit status 7, restarts: 3",
                "  their log: /run/netmon/sv/services.log",
            ]
        );
        assert!(unwatched(&"pe".parse().unwrap(), &[], true).contains("its packets are counted"));
    }
}
