//! What can go wrong between a lab and the host.

use std::{error::Error as StdError, io, path::Path};

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::{
    impairment::{InvalidImpairment, Loss},
    names::{LabName, LinkName},
};
use thiserror::Error;

use crate::{ownership::OwnershipError, topology::qdisc_support::Lacking};

/// An error of whoever was called back.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A lab could not be built, planned or removed.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// Names that the lab wants are taken by something that is not the lab's. Nothing was changed.
    #[error("{}", conflicts(.0))]
    Conflict(Vec<String>),
    /// The lab wants something that this kernel does not have. Nothing was changed.
    #[error("nothing was changed: {}", lacking.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unsupported {
        /// What that is.
        lacking: Vec<Lacking>,
    },
    /// What is asked for does not go together. Nothing was changed.
    #[error("nothing was changed")]
    Impairment(#[from] InvalidImpairment),
    /// The program that drops was refused.
    #[error("cannot load the program that drops {loss} of the packets")]
    LossProgram {
        /// The share.
        loss: Loss,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The lab's state, or the claim on it.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// What is to be removed is not what was listed any more. Nothing was changed.
    #[error("lab {0} was built or changed meanwhile, and is left as it is")]
    Changed(LabName),
    /// A namespace.
    #[error(transparent)]
    NetNs(#[from] NetNsError),
    /// A link, an address or a route.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A file.
    #[error("cannot {operation} {operand}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        operand: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// What had to go first could not be removed.
    #[error("cannot remove what is in the way: {}", .0.join("; "))]
    Removal(Vec<String>),
    /// The programs could not be attached.
    #[error("cannot instrument the lab's endpoints")]
    AttachObserver(#[source] BoxError),
    /// No such link was made.
    #[error("lab {lab} has no link {link}")]
    NoSuchLink {
        /// The lab.
        lab: LabName,
        /// The link.
        link: LinkName,
    },
    /// Somebody took it away.
    #[error("{0} is not there any more, or is not the lab's; nothing was changed")]
    Gone(String),
    /// Something that should be there is not.
    #[error("{0} went away while the lab was being built")]
    Vanished(String),
    /// It failed, and then not everything could be undone.
    #[error("{source}; and then could not be undone: {}", .left.join("; "))]
    NotUndone {
        /// Why it failed.
        source: Box<TopologyError>,
        /// What is left.
        left: Vec<String>,
    },
}

impl TopologyError {
    pub(super) fn file(operation: &'static str, operand: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { operation, operand: operand.display().to_string(), source: source.into() }
    }

    /// Whether this kernel lacks something.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// Whether something that is not netmon's, or another netmon, is in the way.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Ownership(OwnershipError::Held { .. }) => true,
            Self::NotUndone { source, .. } => source.is_conflict(),
            _ => false,
        }
    }
}

fn conflicts(conflicts: &[String]) -> String {
    format!("nothing was changed: {}", conflicts.join("; "))
}
