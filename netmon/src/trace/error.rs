//! Errors of a trace: what keeps it from being made at all. A packet that is lost is no error.

use std::io;

use aya::{EbpfError, maps::MapError, programs::ProgramError};
use netmon_kernel::{netlink::NetlinkError, netns::NetNsError};
use netmon_model::names::NsName;
use thiserror::Error;

/// A trace could not be made.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The sender's namespace does not exist.
    #[error("there is no namespace {wanted}; there are: {}", list(.there))]
    NoNamespace {
        /// What was given.
        wanted: String,
        /// All that have a name.
        there: Vec<NsName>,
    },
    /// The destination is neither an address nor a namespace nor a URL.
    #[error("{wanted} is no address, no URL and no namespace; the namespaces are: {}", list(.there))]
    NoTarget {
        /// What was given.
        wanted: String,
        /// All that have a name.
        there: Vec<NsName>,
    },
    /// The URL is not one that can be traced.
    #[error("cannot read the URL {url}: {problem}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The destination has no address that the sender has a route to.
    #[error(
        "namespace {to} has no address that {from} has a route to; give the address itself to try it anyway"
    )]
    NoRoute {
        /// The sender.
        from: NsName,
        /// The destination.
        to: NsName,
    },
    /// The kernel does not describe its own types.
    #[error("cannot read the kernel's types (CONFIG_DEBUG_INFO_BTF), which say where a packet's bytes are")]
    Types(#[source] io::Error),
    /// The kernel's types lack a field.
    #[error("the kernel has no {structure}.{field}")]
    Field {
        /// The structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The object lacks something: it was built from other sources.
    #[error("the eBPF object has no {0}")]
    Missing(&'static str),
    /// The kernel refused the object as a whole.
    #[error("cannot load the eBPF object of traces")]
    Load(#[source] Box<EbpfError>),
    /// The kernel refused a program.
    #[error("cannot load or attach eBPF program {name}")]
    Program {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer.
        source: Box<ProgramError>,
    },
    /// A map could not be read or written.
    #[error("cannot use eBPF map {name}")]
    Map {
        /// Its name in the object.
        name: &'static str,
        /// The kernel's answer.
        source: MapError,
    },
    /// A socket could not be opened or used.
    #[error("cannot {0} in the sender's namespace")]
    Socket(&'static str, #[source] io::Error),
    /// A namespace could not be entered.
    #[error(transparent)]
    Namespace(#[from] NetNsError),
    /// Interfaces or addresses could not be read.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

impl TraceError {
    /// Returns whether the arguments are wrong.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoNamespace { .. } | Self::NoTarget { .. } | Self::Url { .. })
    }

    /// Returns whether the kernel lacks something.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Types(_) | Self::Field { .. })
    }
}

fn list(names: &[NsName]) -> String {
    names.iter().map(NsName::as_str).collect::<Vec<_>>().join(", ")
}
