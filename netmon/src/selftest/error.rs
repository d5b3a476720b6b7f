//! What stands in the way of a selftest.

use std::io;

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::names::InvalidName;
use thiserror::Error;

use crate::{datapath::DatapathError, ownership::OwnershipError, topology::TopologyError, watch::WatchError};

/// It could not be measured, which says nothing about the numbers.
#[derive(Debug, Error)]
pub enum SelftestError {
    /// The lab.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The claim on the lab.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// A name of the lab's.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The programs.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// The endpoints.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A link was read with one end only.
    #[error("a link of the throw-away lab has lost an end")]
    OneEnd,
    /// A namespace.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// Something of the lab's interfaces.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A socket of the traffic.
    #[error("cannot {0}")]
    Socket(&'static str, #[source] io::Error),
    /// The lab's links did not come up.
    #[error("the links of the throw-away lab have no carrier")]
    NoCarrier,
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
    /// Not everything could be taken away.
    #[error("something is left behind, the next `netmon selftest` tries again:\n  {}", .0.join("\n  "))]
    LeftBehind(Vec<String>),
}
