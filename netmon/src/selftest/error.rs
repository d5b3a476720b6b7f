//! Errors of a selftest.

use std::io;

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::names::InvalidName;
use thiserror::Error;

use crate::{datapath::DatapathError, ownership::OwnershipError, topology::TopologyError, watch::WatchError};

/// A selftest could not be run to its end. This says nothing about netmon's numbers.
#[derive(Debug, Error)]
pub enum SelftestError {
    /// The lab could not be built.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The lab could not be claimed.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// A name in the lab is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The programs could not be loaded, attached or read.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// The endpoints could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A link was read with one end only.
    #[error("a link of the temporary lab has lost an end")]
    OneEnd,
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// An interface of the lab could not be read or changed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A socket call failed.
    #[error("cannot {0}")]
    Socket(&'static str, #[source] io::Error),
    /// The lab's links did not come up.
    #[error("the links of the temporary lab have no carrier")]
    NoCarrier,
    /// A signal arrived.
    #[error("interrupted")]
    Interrupted,
    /// The lab could not be removed completely.
    #[error("cannot remove everything; the next `netmon selftest` retries:\n  {}", .0.join("\n  "))]
    LeftBehind(Vec<String>),
}
