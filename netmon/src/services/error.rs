//! Why a service could not be started, in words that say what to do.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use netmon_kernel::{netns::NetNsError, sys::confine::Step};
use netmon_model::{error::chain, names::NsName};
use thiserror::Error;

use super::stop::StopError;

/// Why the services of a lab could not be started. Those that were already running have been ended again.
#[derive(Debug, Error)]
pub enum StartError {
    /// A program could not be started.
    #[error("service {service}: cannot start {program:?} in {namespace}: {problem}")]
    Command {
        /// The service.
        service: String,
        /// The first word of its command.
        program: String,
        /// Where it was to run.
        namespace: NsName,
        /// What was wrong.
        problem: CommandProblem,
    },
    /// The built-in web server could not listen.
    #[error("service {service}: cannot listen on {address} in {namespace}: {problem}")]
    Listen {
        /// The service.
        service: String,
        /// The address.
        address: SocketAddr,
        /// Where it was to listen.
        namespace: NsName,
        /// What was wrong.
        problem: ListenProblem,
    },
    /// A service did not get ready in time.
    #[error("service {service} in {namespace} is not ready after {time:?}: {why}{}", last_words(.said))]
    NotReady {
        /// The service.
        service: String,
        /// Where it runs.
        namespace: NsName,
        /// How long was waited.
        time: Duration,
        /// What was tried, and why that failed at last.
        why: String,
        /// How it ended, and what it said last.
        said: Vec<String>,
    },
    /// The state folder could not be written or read.
    #[error("cannot keep the services' state in {path}")]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A supervisor that `netmon up` left behind runs these services.
    #[error("the services of this lab are run by the supervisor with process id {pid}")]
    Supervised {
        /// The supervisor.
        pid: u32,
    },
    /// Something that an earlier supervisor left could not be ended.
    #[error("cannot end what an earlier run left")]
    Leftover(#[source] StopError),
}

fn last_words(said: &[String]) -> String {
    if said.is_empty() { String::new() } else { format!("; it said last: {}", said.join(" | ")) }
}

/// What was wrong with a program.
#[derive(Debug, Error)]
pub enum CommandProblem {
    /// No file of that name in any folder of PATH.
    #[error("not found on PATH; install it or remove the service from the lab file")]
    NotFound,
    /// No such file.
    #[error("there is no such file; correct the path in the lab file")]
    NoSuchFile,
    /// The file is there and is no program.
    #[error("{} is not an executable file", .0.display())]
    NotExecutable(PathBuf),
    /// The file is a script, or needs a loader, and what runs it is missing.
    #[error("the interpreter that the file names is not there; install it or correct the file's first line")]
    NoInterpreter,
    /// The folder that services start in is gone.
    #[error("the folder of the lab file, {}, is not there any more", .0.display())]
    NoDirectory(PathBuf),
    /// The network namespace could not be opened.
    #[error("{}", chain(.0))]
    Namespace(NetNsError),
    /// The process could not set itself apart.
    #[error("{}: {source}", step.what())]
    Confine {
        /// Where it failed.
        step: Step,
        /// Why.
        source: io::Error,
    },
    /// The cgroup or the record could not be made.
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
    /// Somebody listens there.
    #[error("the address is in use; end the other server or choose another port")]
    InUse,
    /// No interface has it, also after a wait.
    #[error("no interface there has this address; give it to a link's end or correct the service")]
    NoSuchAddress,
    /// Anything else.
    #[error("{0}")]
    Other(io::Error),
}
