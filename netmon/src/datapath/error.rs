//! Errors of the datapath: loading, attaching, maps and pins.

use std::io;

use aya::{EbpfError, maps::MapError, programs::ProgramError};
use netmon_kernel::{netlink::NetlinkError, netns::NetNsError, pins::PinError};
use netmon_model::names::EndpointId;
use thiserror::Error;

use super::AttachError;

/// The datapath could not be set up, changed or read.
#[derive(Debug, Error)]
pub enum DatapathError {
    /// Loading a trivial program failed, so the others would fail, too.
    #[error("cannot load an eBPF program")]
    Probe(#[source] io::Error),
    /// TCX was requested explicitly, and the kernel has none.
    #[error("this kernel has no TCX (needs Linux 6.6): omit --attach, and filters on clsact qdiscs are used")]
    NoTcx,
    /// The kernel refused the object as a whole.
    #[error("cannot load the eBPF object")]
    Load(#[source] Box<EbpfError>),
    /// The object lacks something that this agent needs: it was built from other sources.
    #[error("the eBPF object has no {0}")]
    Missing(&'static str),
    /// The object's keys and values have another version.
    #[error(
        "the eBPF object has ABI version {version}, and this agent has {}: rebuild both",
        netmon_ebpf::ABI_VERSION
    )]
    Abi {
        /// The object's version.
        version: u32,
    },
    /// The kernel refused a program.
    #[error("cannot load eBPF program {name}")]
    Program {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer, with the verifier's log.
        source: Box<ProgramError>,
    },
    /// A map could not be created, read or written.
    #[error("cannot use eBPF map {name}")]
    Map {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer.
        source: MapError,
    },
    /// The kernel lacks what measuring by tracing needs.
    #[error("cannot measure by tracing programs: {0}")]
    NoTracing(String),
    /// The programs could not be attached to the tracepoint of drops.
    #[error("cannot attach to the tracepoint skb:kfree_skb")]
    Tracepoint(#[source] io::Error),
    /// An object could not be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The thread that follows the wall clock could not be started.
    #[error("cannot follow the wall clock")]
    Clock(#[source] io::Error),
    /// The kernel does not record the programs' run times.
    #[error("cannot enable run-time statistics of eBPF programs (needs Linux 5.8)")]
    RunTime(#[source] io::Error),
    /// The cost of programs and maps could not be read.
    #[error("cannot read the cost of the eBPF programs and maps")]
    Accounts(#[source] io::Error),
    /// The programs' log could not be read.
    #[error("cannot read the eBPF programs' log")]
    Log(#[source] io::Error),
    /// The kernel refused a dispatcher.
    #[error("cannot load the dispatcher of endpoint {endpoint}")]
    Dispatcher {
        /// The endpoint.
        endpoint: EndpointId,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program could not be attached to a hook or detached from it.
    #[error("cannot attach to endpoint {endpoint} or detach from it")]
    Attach {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cause.
        source: AttachError,
    },
    /// The qdiscs of a namespace could not be listed.
    #[error("cannot determine whether packets may be stamped at endpoint {endpoint}")]
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
    /// No programs are attached to such an endpoint.
    #[error("endpoint {} is not watched", .0.0)]
    NotWatched(EndpointId),
}

impl DatapathError {
    /// Returns the endpoint of the error. `None` if it does not concern a single one.
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

/// Turns the removal of an entry that did not exist into a success.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}
