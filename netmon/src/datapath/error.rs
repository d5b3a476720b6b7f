//! What can go wrong between the agent and the kernel's maps and programs.

use std::io;

use aya::{EbpfError, maps::MapError, programs::ProgramError};
use netmon_kernel::{netlink::NetlinkError, netns::NetNsError, pins::PinError};
use netmon_model::names::EndpointId;
use thiserror::Error;

use super::AttachError;

/// The datapath could not be set up, changed or read.
#[derive(Debug, Error)]
pub enum DatapathError {
    /// Loading a trivial program failed: the rest would, too.
    #[error("cannot load an eBPF program")]
    Probe(#[source] io::Error),
    /// TCX was asked for by name.
    #[error(
        "this kernel has no TCX (it came with Linux 6.6): leave --attach out, and filters on clsact qdiscs are used"
    )]
    NoTcx,
    /// The object as a whole was refused.
    #[error("cannot load the eBPF object")]
    Load(#[source] Box<EbpfError>),
    /// The object lacks something that this agent knows: it was built from other sources.
    #[error("the eBPF object has no {0}")]
    Missing(&'static str),
    /// The object's keys and values are of another version.
    #[error(
        "the eBPF object is of ABI version {version}, this agent of {}: build both anew",
        netmon_ebpf::ABI_VERSION
    )]
    Abi {
        /// The object's.
        version: u32,
    },
    /// A program was refused.
    #[error("cannot load eBPF program {name}")]
    Program {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer, with what the verifier says.
        source: Box<ProgramError>,
    },
    /// A map could not be made, read or written.
    #[error("cannot use eBPF map {name}")]
    Map {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer.
        source: MapError,
    },
    /// The kernel's tracepoint of drops could not be attached to.
    #[error("cannot attach to the tracepoint skb:kfree_skb")]
    Tracepoint(#[source] io::Error),
    /// Something could not be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The thread that follows the wall clock could not be started.
    #[error("cannot follow the wall clock")]
    Clock(#[source] io::Error),
    /// The kernel does not keep the programs' run times.
    #[error("cannot have the run times of eBPF programs kept (Linux 5.8)")]
    RunTime(#[source] io::Error),
    /// What programs and maps cost is not told.
    #[error("cannot read what the eBPF programs and maps cost")]
    Accounts(#[source] io::Error),
    /// The programs' messages cannot be read.
    #[error("cannot read the eBPF programs' log")]
    Log(#[source] io::Error),
    /// A dispatcher was refused.
    #[error("cannot load the dispatcher of endpoint {endpoint}")]
    Dispatcher {
        /// The endpoint.
        endpoint: EndpointId,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A hook could not be attached to, or detached from.
    #[error("cannot attach to endpoint {endpoint}, or detach from it")]
    Attach {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why.
        source: AttachError,
    },
    /// The qdiscs of a namespace could not be listed.
    #[error("cannot tell whether packets may be stamped at endpoint {endpoint}")]
    Qdiscs {
        /// An endpoint in the namespace.
        endpoint: EndpointId,
        /// The kernel's answer.
        source: NetlinkError,
    },
    /// The chain of programs on a hook could not be listed.
    #[error("cannot list the programs of endpoint {endpoint}")]
    Chain {
        /// The endpoint.
        endpoint: EndpointId,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// No such endpoint is attached to.
    #[error("endpoint {} is not watched", .0.0)]
    NotWatched(EndpointId),
}

impl DatapathError {
    /// The endpoint that the error is about, if it is about one.
    #[must_use]
    pub fn endpoint(&self) -> Option<EndpointId> {
        match self {
            Self::Dispatcher { endpoint, .. }
            | Self::Attach { endpoint, .. }
            | Self::Qdiscs { endpoint, .. }
            | Self::Chain { endpoint, .. } => Some(*endpoint),
            Self::NotWatched(endpoint) => Some(*endpoint),
            _ => None,
        }
    }
}

/// Whether an entry that is to go is gone: that it was not there is no error.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}
