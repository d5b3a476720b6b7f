//! Errors of the agent.

use std::io;

use netmon_kernel::{pins::PinError, sys::capabilities::MissingPrivilege};
use netmon_model::{error::chain, names::LabName, server_address::ServerAddress};
use thiserror::Error as ThisError;
use tokio::task::JoinError;

use crate::{
    datapath::DatapathError,
    discover::DiscoverError,
    ownership::OwnershipError,
    server::ListenError,
    services::{LackingCapabilities, StartError},
    topology::TopologyError,
    watch::WatchError,
};

/// The agent could not start, or left something behind at its end.
#[derive(Debug, ThisError)]
pub enum AgentError {
    /// A capability is missing.
    #[error(transparent)]
    Privilege(#[from] MissingPrivilege),
    /// A capability that a service names is missing.
    #[error(transparent)]
    ServicePrivilege(#[from] LackingCapabilities),
    /// The address is in use, or is not an address of this host.
    #[error(
        "cannot listen on {address}; choose another address with --listen, for instance --listen 127.0.0.1:0"
    )]
    Listen {
        /// The address.
        address: ServerAddress,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The lab could not be built.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The lab is held, or its state could not be recorded.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// The eBPF programs or their maps could not be loaded, attached or read.
    #[error(transparent)]
    Datapath(#[from] DatapathError),
    /// The pins that make counting independent of the agent could not be used.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The lab's endpoints could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A service could not be started.
    #[error(transparent)]
    Service(#[from] StartError),
    /// The server failed.
    #[error("cannot serve HTTP")]
    Serve(#[source] io::Error),
    /// The links of the host could not be found.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The thread that follows the links of the host could not be started, or ended.
    #[error("cannot follow the links of this host")]
    Follow(#[source] io::Error),
    /// Programs that count without an agent would have to be held in a container.
    #[error(
        "lab {0} leads into containers, in which nothing is held: it cannot be counted without an agent; leave out --persist"
    )]
    PersistedContainers(LabName),
    /// Signals could not be listened for.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A part of the agent panicked.
    #[error("a part of the agent panicked")]
    Panicked(#[source] JoinError),
    /// Not everything could be removed.
    #[error("cannot remove everything; run `netmon down` to retry:\n  {}", .0.join("\n  "))]
    LeftBehind(Vec<String>),
}

impl From<ListenError> for AgentError {
    fn from(ListenError { address, source }: ListenError) -> Self {
        Self::Listen { address, source }
    }
}

impl AgentError {
    /// What to report, one message for each thing that was left behind.
    pub(super) fn messages(&self) -> Vec<String> {
        match self {
            Self::LeftBehind(left) => left.clone(),
            other => vec![chain(other)],
        }
    }
}
