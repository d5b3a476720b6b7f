//! What stands in the way of a comparison.

use std::io;

use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::names::LinkName;
use thiserror::Error;

use crate::{control::ControlError, datapath::DatapathError, watch::WatchError};

/// A link could not be compared with and without hooks.
#[derive(Debug, Error)]
pub enum OverheadError {
    /// Its traffic would go over lo.
    #[error("both ends of link {0} are in one namespace: what they send each other takes no link")]
    OneNamespace(LinkName),
    /// There is nothing to send to.
    #[error("the ends of link {0} have no addresses that reach each other: give both one of the same prefix")]
    NoAddresses(LinkName),
    /// An end is not there any more.
    #[error("there is no interface {interface} in namespace {namespace} any more")]
    Gone {
        /// Its name.
        interface: String,
        /// Where it was.
        namespace: String,
    },
    /// The load took another way.
    #[error(
        "what the ends of link {0} send each other takes another way: look at the routes of their namespaces"
    )]
    AnotherWay(LinkName),
    /// Nothing comes through.
    #[error("nothing that one end of link {link} sends comes out of the other ({from} to {to})")]
    Silent {
        /// The link.
        link: LinkName,
        /// From where it was sent.
        from: std::net::SocketAddr,
        /// Where it was waited for.
        to: std::net::SocketAddr,
    },
    /// A socket of the load.
    #[error("cannot {0} for the load")]
    Socket(&'static str, #[source] io::Error),
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// The kernel did not list something.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The programs.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// The endpoints.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The agent refused, or did not reply.
    #[error(transparent)]
    Agent(#[from] ControlError),
}
