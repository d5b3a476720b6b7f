//! What is tried, again and again, from one namespace.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{process::Command, task::spawn_blocking, time::timeout};

use super::Pinger;
use crate::{
    causes::in_full,
    client,
    lab::{Traffic, Url},
    names::NsName,
    netns::NetNs,
};

/// How long a connection or an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a program may run.
const PROGRAM_TIME: Duration = Duration::from_secs(60);
/// Statuses that count as an answer unless one is asked for.
const GOOD: std::ops::RangeInclusive<u16> = 200..=399;

/// What came of one attempt: how long it took, or why it failed.
pub type Attempt = Result<Duration, String>;

/// Tries one thing from one namespace.
pub struct Prober {
    namespace: Arc<NetNs>,
    name: NsName,
    traffic: Traffic,
    /// The status that is right; none for any good one.
    status: Option<u16>,
    /// Where programs start.
    directory: Option<PathBuf>,
}

impl Prober {
    /// A prober in the namespace of that name.
    ///
    /// # Errors
    ///
    /// When there is no such namespace.
    pub fn new(
        name: &NsName,
        traffic: &Traffic,
        status: Option<u16>,
        directory: Option<&Path>,
    ) -> Result<Self, String> {
        let namespace = if name.is_root() { NetNs::current() } else { NetNs::open(name) };
        Ok(Self {
            namespace: Arc::new(namespace.map_err(|error| in_full(&error))?),
            name: name.clone(),
            traffic: traffic.clone(),
            status,
            directory: directory.map(Path::to_owned),
        })
    }

    /// Tries it once. `number` tells an echo from the one before it.
    pub async fn attempt(&self, number: u16) -> Attempt {
        match &self.traffic {
            Traffic::Icmp(to) => {
                let to = *to;
                self.inside(move || {
                    let pinger = Pinger::open(to).map_err(|error| format!("a raw socket: {error}"))?;
                    match pinger.ask(number) {
                        Ok(Some(took)) => Ok(took),
                        Ok(None) => Err("no answer within a second".to_owned()),
                        Err(error) => Err(error.to_string()),
                    }
                })
                .await
            }
            Traffic::Tcp(to) => {
                let begun = Instant::now();
                self.connect(*to).await.map(|_| begun.elapsed())
            }
            Traffic::Http(url) => self.request(url).await,
            Traffic::Command(words) => self.program(words).await,
        }
    }

    /// Runs something short on a thread that is in the namespace.
    async fn inside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let namespace = Arc::clone(&self.namespace);
        let done = spawn_blocking(move || namespace.run(work).map_err(|error| in_full(&error)));
        done.await.map_err(|error| error.to_string())??
    }

    async fn connect(&self, to: SocketAddr) -> Result<TcpStream, String> {
        self.inside(move || {
            TcpStream::connect_timeout(&to, PATIENCE).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => format!("no connection within {PATIENCE:?}"),
                _ => error.to_string(),
            })
        })
        .await
    }

    async fn request(&self, url: &Url) -> Attempt {
        let begun = Instant::now();
        let stream = self.connect(url.address).await?;
        let converted = stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
        let stream = converted.map_err(|error| error.to_string())?;
        let answer = timeout(PATIENCE, client::exchange(stream, url.address, &url.path)).await;
        let answer = answer.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
        let (status, _) = answer.map_err(|error| error.to_string())?;
        let (status, took) = (status.as_u16(), begun.elapsed());
        let is_right = self.status.map_or(GOOD.contains(&status), |wanted| wanted == status);
        if is_right { Ok(took) } else { Err(format!("status {status}")) }
    }

    /// As `netmon exec` runs it, with the namespace's own /etc files.
    async fn program(&self, words: &[String]) -> Attempt {
        let netmon = std::env::current_exe().map_err(|error| format!("netmon's own program: {error}"))?;
        let mut command = Command::new(netmon);
        command.arg("exec").arg(self.name.as_str()).arg("--").args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let begun = Instant::now();
        let ended = timeout(PROGRAM_TIME, command.output()).await;
        let output = ended.map_err(|_| format!("not done within {PROGRAM_TIME:?}"))?;
        let output = output.map_err(|error| error.to_string())?;
        let took = begun.elapsed();
        if output.status.success() {
            return Ok(took);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        Err(format!("{}{}{last}", output.status, if last.is_empty() { "" } else { ": " }))
    }
}
