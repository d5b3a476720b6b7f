//! Why a service could not be started, and what to do about it.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use netmon_kernel::{netns::NetNsError, sys::confine::Step};
use netmon_model::{error::chain, names::NsName};
use thiserror::Error;

use super::{account::AccountError, stop::StopError};

/// Why the services of a lab could not be started. Those that were already running have been stopped.
#[derive(Debug, Error)]
pub enum StartError {
    /// A program could not be started.
    #[error("service {service}: cannot start {program:?} in {namespace}: {problem}")]
    Command {
        /// The service.
        service: String,
        /// The first word of its command.
        program: String,
        /// The namespace.
        namespace: NsName,
        /// The reason.
        problem: CommandProblem,
    },
    /// The built-in web server could not listen.
    #[error("service {service}: cannot listen on {address} in {namespace}: {problem}")]
    Listen {
        /// The service.
        service: String,
        /// The address.
        address: SocketAddr,
        /// The namespace.
        namespace: NsName,
        /// The reason.
        problem: ListenProblem,
    },
    /// A service did not become ready in time.
    #[error("service {service} in {namespace} is not ready after {time:?}: {error}{}", last_output(.output))]
    NotReady {
        /// The service.
        service: String,
        /// The namespace.
        namespace: NsName,
        /// The time within which it should be ready.
        time: Duration,
        /// The check, and why its last attempt failed.
        error: String,
        /// Its last lines of output, and how it exited.
        output: Vec<String>,
    },
    /// The state directory could not be written or read.
    #[error("cannot access the services' state in {path}")]
    State {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A detached supervisor of `netmon up` runs these services.
    #[error("the services of this lab are run by the supervisor with process id {pid}")]
    Supervised {
        /// The supervisor.
        pid: u32,
    },
    /// A process that an earlier supervisor left could not be stopped.
    #[error("cannot stop a service of an earlier run")]
    Leftover(#[source] StopError),
}

/// Returns the last output of a service as the end of a message. Empty if there is none.
pub(super) fn last_output(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("; its last output: {}", lines.join(" | ")) }
}

/// Why a program could not be started.
#[derive(Debug, Error)]
pub enum CommandProblem {
    /// There is no file of that name in any directory of PATH.
    #[error("not found on PATH; install it or remove the service from the lab file")]
    NotFound,
    /// There is no such file.
    #[error("no such file; correct the path in the lab file")]
    NoSuchFile,
    /// The file is not executable.
    #[error("{} is not an executable file", .0.display())]
    NotExecutable(PathBuf),
    /// The interpreter or loader of the file does not exist.
    #[error(
        "the interpreter that the file names does not exist; install it or correct the file's first line"
    )]
    NoInterpreter,
    /// The directory in which the service starts does not exist.
    #[error("the directory in which it starts, {}, does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// Its user or group is not known.
    #[error("{}", chain(.0))]
    Account(AccountError),
    /// The network namespace could not be opened.
    #[error("{}", chain(.0))]
    Namespace(NetNsError),
    /// The process could not confine itself.
    #[error("{}: {source}", step.what())]
    Confine {
        /// The step that failed.
        step: Step,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The cgroup or the record could not be created.
    #[error("cannot prepare it: {0}")]
    Prepare(io::Error),
    /// The kernel refused to start it.
    #[error("{0}")]
    Execute(io::Error),
    /// An argument holds a NUL byte.
    #[error("an argument holds a NUL byte")]
    Nul,
}

/// What was wrong with an address.
#[derive(Debug, Error)]
pub enum ListenProblem {
    /// Another process listens there.
    #[error("the address is in use; end the other server or choose another port")]
    InUse,
    /// No interface has the address, even after a wait.
    #[error("no interface there has this address; add it to a link's end or correct the service")]
    NoSuchAddress,
    /// Anything else.
    #[error("{0}")]
    Other(io::Error),
}
