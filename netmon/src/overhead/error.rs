//! Errors of a comparison.

use std::io;

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::names::LinkName;
use thiserror::Error;

use crate::{control::ControlError, datapath::DatapathError, watch::WatchError};

/// A link could not be compared with and without hooks.
#[derive(Debug, Error)]
pub enum OverheadError {
    /// Traffic between the ends goes over lo.
    #[error("both ends of link {0} are in one namespace: traffic between them does not cross the link")]
    OneNamespace(LinkName),
    /// Nothing is attached to the link, so there is nothing to compare it with.
    #[error("link {0} leads into a container: no hooks are attached to it")]
    InContainer(LinkName),
    /// The ends have no common prefix.
    #[error("the ends of link {0} have no addresses in a common prefix; give both ends one")]
    NoAddresses(LinkName),
    /// An end no longer exists.
    #[error("namespace {namespace} no longer has interface {interface}")]
    NoInterface {
        /// Its name.
        interface: String,
        /// The namespace that it was in.
        namespace: String,
    },
    /// The load does not cross the link.
    #[error("traffic between the ends of link {0} takes another path; check the routes in their namespaces")]
    AnotherPath(LinkName),
    /// No datagram arrives.
    #[error("no datagram from one end of link {link} arrives at the other ({from} to {to})")]
    Silent {
        /// The link.
        link: LinkName,
        /// The sender.
        from: std::net::SocketAddr,
        /// The receiver.
        to: std::net::SocketAddr,
    },
    /// A socket call of the load failed.
    #[error("cannot {0} for the load")]
    Socket(&'static str, #[source] io::Error),
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// Interfaces or addresses could not be read.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The programs could not be loaded, attached or detached.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// The endpoints could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The agent refused, or did not reply.
    #[error(transparent)]
    Agent(#[from] ControlError),
}
