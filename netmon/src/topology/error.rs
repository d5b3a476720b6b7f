//! Errors of planning, building, changing and removing a lab.

use std::{error::Error as StdError, io, path::Path};

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::{
    error::chain,
    impairment::{InvalidImpairment, Loss},
    names::{LabName, LinkName, NsName, Place},
};
use thiserror::Error;

use super::{qdisc_support::MissingQdisc, sysctl_check::RefusedSetting};
use crate::{discover::DiscoverError, ownership::OwnershipError};

/// The error of an attach callback.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A lab could not be planned, built, changed or removed.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// Objects that are not the lab's have names or places that it needs.
    #[error("{}", .0.join("; "))]
    Conflict(Vec<String>),
    /// The lab needs qdiscs that this kernel does not have.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unsupported(Vec<MissingQdisc>),
    /// The lab has kernel settings that cannot be set.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<RefusedSetting>),
    /// The amounts of an impairment contradict each other.
    #[error(transparent)]
    Impairment(#[from] InvalidImpairment),
    /// The kernel refused the program that drops.
    #[error("cannot load the program that drops {loss} of the packets")]
    LossProgram {
        /// The share.
        loss: Loss,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The containers of this host could not be read.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The lab is held, or its state could not be recorded.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// The lab has changed since it was listed.
    #[error("lab {0} has changed since it was listed, and was not removed; run `netmon clean` again")]
    Changed(LabName),
    /// A namespace could not be created, opened, entered or deleted.
    #[error(transparent)]
    NetNs(#[from] NetNsError),
    /// The kernel refused a request about a link, an address, a route or a qdisc.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A file could not be read, written or removed, or a setting could not be set.
    #[error("cannot {operation} {operand}")]
    File {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file, or the setting and its value.
        operand: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Objects that have to be removed first could not be removed.
    #[error("cannot remove what the lab no longer has: {}", .0.join("; "))]
    Removal(Vec<String>),
    /// The programs could not be attached.
    #[error("cannot watch the lab's endpoints")]
    AttachObserver(#[source] BoxError),
    /// The lab has no such link.
    #[error("lab {lab} has no link {link}")]
    NoSuchLink {
        /// The lab.
        lab: LabName,
        /// The link.
        link: LinkName,
    },
    /// The link leads into a container, in which netmon sets up no queue.
    #[error("link {0} leads into a container, and cannot be impaired")]
    InContainer(LinkName),
    /// Another program removed the interface, or its mark.
    #[error("interface {} in namespace {} no longer exists, or is no longer the lab's", .0.interface, .0.namespace)]
    Gone(Place),
    /// Another program removed an object that the build needs.
    #[error("{0} disappeared while the lab was being built")]
    Vanished(String),
    /// The kernel refused a change inside a namespace.
    #[error("namespace {namespace}")]
    Inside {
        /// The namespace.
        namespace: NsName,
        /// The request, and the kernel's answer.
        source: NetlinkError,
    },
    /// A step failed, and everything before it was undone.
    #[error(transparent)]
    Undone(Box<TopologyError>),
    /// A step failed, and not everything before it could be undone.
    #[error("{}; this could not be undone: {}", chain(.step.as_ref()), .left.join("; "))]
    NotUndone {
        /// Why the step failed.
        step: Box<TopologyError>,
        /// What could not be undone, and why.
        left: Vec<String>,
    },
}

impl TopologyError {
    pub(super) fn file(operation: &'static str, operand: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { operation, operand: operand.display().to_string(), source: source.into() }
    }

    /// Returns whether the host is as it was, because the fault was found before the first change.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        matches!(
            self,
            Self::Conflict(_)
                | Self::Unsupported(_)
                | Self::Settings(_)
                | Self::Impairment(_)
                | Self::Gone(_)
        )
    }

    /// Returns whether a step failed, and everything before it was undone.
    #[must_use]
    pub fn was_undone(&self) -> bool {
        matches!(self, Self::Undone(_))
    }

    /// Returns whether this kernel lacks something that the lab needs.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        match self {
            Self::Unsupported(_) => true,
            Self::Settings(refused) => refused.iter().all(RefusedSetting::is_unsupported),
            _ => false,
        }
    }

    /// Returns whether foreign objects, or another netmon, are in the way.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Ownership(OwnershipError::Held { .. }) => true,
            Self::NotUndone { step, .. } => step.is_conflict(),
            Self::Undone(step) => step.is_conflict(),
            _ => false,
        }
    }
}
