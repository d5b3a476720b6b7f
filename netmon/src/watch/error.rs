//! Errors of watching, which name the endpoints.

use std::io;

use netmon_model::names::LinkName;
use thiserror::Error;

use super::inventory::Inventory;
use crate::datapath::{AttachError, DatapathError};
use netmon_kernel::netlink::NetlinkError;

/// An endpoint could not be watched, or what was counted could not be read.
#[derive(Debug, Error)]
pub enum WatchError {
    /// A hook could not be attached to, or detached from.
    #[error("cannot watch {endpoint}")]
    Attach {
        /// `interface in namespace`
        endpoint: String,
        /// The reason.
        source: AttachError,
    },
    /// A dispatcher was refused.
    #[error("cannot load the dispatcher of {endpoint}")]
    Dispatcher {
        /// `interface in namespace`
        endpoint: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The qdiscs of a namespace could not be listed.
    #[error("cannot tell whether packets may be stamped at {endpoint}")]
    Qdiscs {
        /// `interface in namespace`
        endpoint: String,
        /// The kernel's answer.
        source: NetlinkError,
    },
    /// The chain of programs on a hook could not be listed.
    #[error("cannot list the programs of {endpoint}")]
    Chain {
        /// `interface in namespace`
        endpoint: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No such link is watched.
    #[error("link {0} is not watched")]
    NoSuchLink(LinkName),
    /// Interfaces could not be followed.
    #[error("cannot follow the state of the interfaces")]
    Interfaces(#[source] io::Error),
    /// Any other error of the datapath.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
}

impl WatchError {
    /// Names the endpoint that an error of the datapath is about.
    pub(super) fn named(error: DatapathError, inventory: &Inventory) -> Self {
        let name = |id| {
            inventory.endpoint(id).map_or_else(
                || format!("endpoint {id}"),
                |endpoint| format!("{} in {}", endpoint.label.interface, endpoint.label.namespace),
            )
        };
        match error {
            DatapathError::Attach { endpoint, source } => Self::Attach { endpoint: name(endpoint), source },
            DatapathError::Dispatcher { endpoint, source } => {
                Self::Dispatcher { endpoint: name(endpoint), source }
            }
            DatapathError::Qdiscs { endpoint, source } => Self::Qdiscs { endpoint: name(endpoint), source },
            DatapathError::Chain { endpoint, source } => Self::Chain { endpoint: name(endpoint), source },
            other => Self::Datapath(other),
        }
    }

    /// The error of the datapath, if it is about no endpoint.
    #[must_use]
    pub fn datapath(&self) -> Option<&DatapathError> {
        match self {
            Self::Datapath(error) => Some(error),
            _ => None,
        }
    }
}
