//! Container daemons, asked over their sockets for the names of their containers: Docker's, and podman's where one runs.
//!
//! Read-only and bounded: two requests of at most [`TIME`] together, and an answer of at most [`MAX_BYTES`]. A daemon is never
//! started by a question: where systemd holds the socket, the daemon has to run already. Only root's sockets are asked,
//! since a user's daemon could claim the ids of others.

mod bell;
mod listing;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
    time::Duration,
};

use axum::body::{Body, Bytes, to_bytes};
use hyper::{Response, StatusCode};
use netmon_kernel::proc::{Process, pids};
use netmon_model::survey::Runtime;
use thiserror::Error;
use tokio::{net::UnixStream, time::timeout};

pub(super) use self::bell::Bells;
use super::naming::{Catalog, Facts};
use crate::http::exchange;

/// Time for both requests.
const TIME: Duration = Duration::from_secs(2);
/// Maximum size of an answer: a thousand containers with many labels take 4 MB.
const MAX_BYTES: usize = 16 << 20;

/// A daemon.
#[derive(Clone, Copy, Debug)]
struct Daemon {
    runtime: Runtime,
    socket: &'static str,
    /// The name of its process. Where systemd holds the socket, there has to be one.
    process: &'static str,
}

const DAEMONS: [Daemon; 2] = [
    Daemon { runtime: Runtime::Docker, socket: "/run/docker.sock", process: "dockerd" },
    Daemon { runtime: Runtime::Podman, socket: "/run/podman/podman.sock", process: "podman" },
];

/// Why a daemon has given no names.
#[derive(Debug, Error)]
enum DaemonError {
    #[error("cannot connect to {0}")]
    Connect(&'static str, #[source] io::Error),
    #[error("{0} does not answer within {TIME:?}")]
    Late(&'static str),
    #[error("cannot read the answer of {0}")]
    Http(&'static str, #[source] axum::BoxError),
    #[error("{0} answered {1}")]
    Refused(&'static str, StatusCode),
    #[error("cannot read the answer of {0}: is it Docker or podman?")]
    NotUnderstood(&'static str),
}

/// The daemons of a host, and which of them did not answer.
#[derive(Debug, Default)]
pub(super) struct Daemons {
    /// The socket file of a daemon that did not answer in time, which is not asked again: each time would cost as much.
    late: BTreeMap<Runtime, (u64, String)>,
}

impl Daemons {
    /// Adds what every daemon that runs knows of its containers to `catalog`, and why a daemon does not answer. Returns a
    /// remark for each daemon that listed something that could not be read.
    pub(super) fn ask(&mut self, catalog: &mut Catalog) -> Vec<String> {
        DAEMONS.into_iter().filter_map(|daemon| self.ask_one(daemon, catalog)).collect()
    }

    fn ask_one(&mut self, daemon: Daemon, catalog: &mut Catalog) -> Option<String> {
        let runtime = daemon.runtime;
        let inode = match daemon.socket() {
            Ok(inode) => inode,
            Err(why) => {
                catalog.silent.insert(runtime, why);
                return None;
            }
        };
        if let Some((_, why)) = self.late.get(&runtime).filter(|(late, _)| *late == inode) {
            catalog.silent.insert(runtime, why.clone());
            return None;
        }
        match daemon.list() {
            Ok(listing) => {
                merge(&mut catalog.containers, listing.containers);
                let count = listing.unreadable;
                (count > 0).then(|| format!("{} of {runtime} could not be read", containers(count)))
            }
            Err(error) => {
                let why = netmon_model::error::chain(&error);
                if matches!(error, DaemonError::Late(_)) {
                    self.late.insert(runtime, (inode, why.clone()));
                }
                catalog.silent.insert(runtime, why);
                None
            }
        }
    }
}

fn containers(count: usize) -> String {
    if count == 1 { "1 container".to_owned() } else { format!("{count} containers") }
}

fn merge(into: &mut BTreeMap<String, Facts>, from: BTreeMap<String, Facts>) {
    for (id, facts) in from {
        into.entry(id).or_default().complete(facts);
    }
}

impl Daemon {
    /// Returns the inode of its socket. Returns why it cannot be asked otherwise.
    fn socket(self) -> Result<u64, String> {
        let metadata = match fs::metadata(Path::new(self.socket)) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(format!("there is no {}", self.socket));
            }
            Err(error) => return Err(format!("cannot read {}: {error}", self.socket)),
        };
        if !metadata.file_type().is_socket() || metadata.uid() != 0 {
            return Err(format!("{} is not a socket of root", self.socket));
        }
        if is_started_by_a_connection() && !self.is_running() {
            return Err(format!("{} is not running, and is not started by a question", self.process));
        }
        Ok(metadata.ino())
    }

    fn is_running(self) -> bool {
        let is_it = |pid| Process::Pid(pid).command().is_ok_and(|name| name == self.process);
        pids().is_ok_and(|pids| pids.into_iter().any(is_it))
    }

    fn list(self) -> Result<listing::Listing, DaemonError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| DaemonError::Connect(self.socket, e))?;
        let listed = async { timeout(TIME, self.ask()).await.unwrap_or(Err(DaemonError::Late(self.socket))) };
        runtime.block_on(listed)
    }

    async fn ask(self) -> Result<listing::Listing, DaemonError> {
        let not_understood = || DaemonError::NotUnderstood(self.socket);
        let version = listing::negotiate(&self.get("/version").await?).ok_or_else(not_understood)?;
        let answer = self.get(&version.path("/containers/json")).await?;
        listing::parse(&answer).ok_or_else(not_understood)
    }

    async fn get(self, path: &str) -> Result<Bytes, DaemonError> {
        let socket = self.socket;
        let stream = UnixStream::connect(socket).await.map_err(|e| DaemonError::Connect(socket, e))?;
        let read = async |response: Response<Body>| {
            let (status, body) = (response.status(), response.into_body());
            Ok((status, to_bytes(body, MAX_BYTES).await?))
        };
        let exchanged = exchange(stream, "localhost", path, read).await;
        let (status, body) = exchanged.map_err(|source| DaemonError::Http(socket, source))?;
        if status.is_success() { Ok(body) } else { Err(DaemonError::Refused(socket, status)) }
    }
}

/// Returns whether the first process is systemd, which may hold the socket of a daemon that does not run, and start it.
fn is_started_by_a_connection() -> bool {
    Process::Pid(1).command().is_ok_and(|name| name == "systemd")
}
