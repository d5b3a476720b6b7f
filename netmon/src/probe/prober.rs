//! One kind of attempt, made repeatedly from one namespace.

use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use netmon_model::{error::chain, lab::Traffic};
use tokio::{
    net::{TcpSocket, UdpSocket},
    time::timeout,
};

use super::{
    ProbeNamespace, dns,
    echo_socket::{self, EchoSocket},
    http::{self, Fetched},
    message_id::MessageIds,
    program,
};

/// The HTTP statuses that are a success, unless the lab file requires another one.
const SUCCESS: RangeInclusive<u16> = 200..=399;

/// The outcome of one attempt: how long it took, or why it failed.
pub type Attempt = Result<Duration, String>;

/// Makes attempts of one kind from one namespace.
pub struct Prober {
    namespace: ProbeNamespace,
    traffic: Traffic,
    /// The required HTTP status. `None` if any success will do.
    status: Option<u16>,
    /// Maximum duration of an attempt.
    timeout: Duration,
    /// The working directory of programs.
    directory: Option<PathBuf>,
    /// The socket of the previous attempt, if it succeeded and the socket can be used again.
    reusable: Option<Socket>,
    ids: MessageIds,
}

/// The socket of an attempt.
enum Socket {
    Echo(EchoSocket),
    Dns(UdpSocket),
    Tcp(TcpSocket),
    /// A program opens its own.
    None,
}

impl Prober {
    /// Creates a prober whose attempts fail after `timeout`.
    #[must_use]
    pub fn new(namespace: ProbeNamespace, traffic: &Traffic, status: Option<u16>, timeout: Duration) -> Self {
        let (traffic, ids) = (traffic.clone(), MessageIds::new());
        Self { namespace, traffic, status, timeout, directory: None, reusable: None, ids }
    }

    /// Sets the working directory of programs.
    #[must_use]
    pub fn in_directory(self, directory: Option<&Path>) -> Self {
        Self { directory: directory.map(Path::to_owned), ..self }
    }

    /// Makes one attempt.
    ///
    /// Opening its socket counts neither as its duration nor towards its timeout: the thread that opens sockets may be
    /// busy.
    pub async fn attempt(&mut self) -> Attempt {
        let socket = self.socket().await.map_err(|error| error.to_string())?;
        let tried = timeout(self.timeout, self.try_with(socket)).await;
        let (duration, reusable) = tried.unwrap_or_else(|_| Err(self.late()))?;
        self.reusable = reusable;
        Ok(duration)
    }

    async fn socket(&mut self) -> io::Result<Socket> {
        let reusable = self.reusable.take();
        Ok(match (&self.traffic, reusable) {
            (Traffic::Icmp(_) | Traffic::Dns(_), Some(reusable)) => reusable,
            (Traffic::Icmp(target), None) => {
                let (target, identifier) = (*target, self.ids.next());
                let open = move || echo_socket::open(target, identifier);
                Socket::Echo(EchoSocket::new(self.namespace.open_socket(open).await?, target, identifier)?)
            }
            (Traffic::Dns(query), None) => Socket::Dns(self.namespace.udp_socket(query.server).await?),
            (Traffic::Tcp(target), _) => Socket::Tcp(self.namespace.tcp_socket(*target).await?),
            (Traffic::Http(url), _) => Socket::Tcp(self.namespace.tcp_socket(url.address).await?),
            (Traffic::Command(_), _) => Socket::None,
        })
    }

    /// Returns how long the attempt took, and its socket if that can be used again.
    async fn try_with(&mut self, socket: Socket) -> Result<(Duration, Option<Socket>), String> {
        let text = |error: io::Error| error.to_string();
        let start = Instant::now();
        match (&self.traffic, socket) {
            (Traffic::Icmp(_), Socket::Echo(mut socket)) => {
                socket.ping().await.map_err(text)?;
                Ok((start.elapsed(), Some(Socket::Echo(socket))))
            }
            (Traffic::Dns(query), Socket::Dns(socket)) => {
                dns::query(&socket, query, self.ids.next()).await.map_err(text)??;
                Ok((start.elapsed(), Some(Socket::Dns(socket))))
            }
            (Traffic::Tcp(target), Socket::Tcp(socket)) => {
                let stream = socket.connect(*target).await.map_err(text)?;
                // Closing the connection is not part of the duration.
                let duration = start.elapsed();
                drop(stream);
                Ok((duration, None))
            }
            (Traffic::Http(url), Socket::Tcp(socket)) => {
                let stream = socket.connect(url.address).await.map_err(text)?;
                let fetched = http::fetch(stream, url, |_| false).await.map_err(|error| chain(&*error))?;
                check_status(fetched, self.status).map(|()| (start.elapsed(), None))
            }
            (Traffic::Command(words), _) => {
                program::run(self.namespace.name(), words, self.directory.as_deref()).await?;
                Ok((start.elapsed(), None))
            }
            // Unreachable: `socket` opens the socket that its traffic needs.
            _ => Err("no socket for this kind of attempt".to_owned()),
        }
    }

    fn late(&self) -> String {
        let timeout = self.timeout;
        match self.traffic {
            Traffic::Tcp(_) => format!("no connection within {timeout:?}"),
            Traffic::Command(_) => format!("not done within {timeout:?}"),
            _ => format!("no answer within {timeout:?}"),
        }
    }
}

fn check_status(Fetched { status, .. }: Fetched, required: Option<u16>) -> Result<(), String> {
    let is_right = required.map_or(SUCCESS.contains(&status), |required| required == status);
    if is_right { Ok(()) } else { Err(format!("status {status}")) }
}
