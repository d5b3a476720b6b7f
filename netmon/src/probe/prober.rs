//! What is tried, again and again, from one namespace.

use std::{
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_kernel::netns::{NetNs, Opener};
use netmon_model::{
    error::chain,
    lab::{Query, Traffic},
    names::NsName,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    time::timeout,
};

use super::{
    dns,
    echo_socket::{self, EchoSocket},
    http::{self, Fetched},
    number::Numbers,
    program,
};

/// Statuses that count as an answer unless one is asked for.
const GOOD: std::ops::RangeInclusive<u16> = 200..=399;

/// What came of one attempt: how long it took, or why it failed.
pub type Attempt = Result<Duration, String>;

/// A namespace, as attempts are made from it.
#[derive(Clone)]
pub struct Place {
    name: NsName,
    namespace: Arc<NetNs>,
    opener: Opener,
}

impl Place {
    /// The namespace of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(name: &NsName, opener: &Opener) -> Result<Self, String> {
        let namespace = NetNs::open(name).map_err(|error| chain(&error))?;
        Ok(Self { name: name.clone(), namespace: Arc::new(namespace), opener: opener.clone() })
    }

    /// A connection from here.
    pub(super) async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.tcp_socket(to).await?.connect(to).await
    }

    /// A socket that is to be connected.
    async fn tcp_socket(&self, to: SocketAddr) -> io::Result<TcpSocket> {
        let socket = self.opener.open(&self.namespace, move || socket(to, SocketType::STREAM)).await?;
        Ok(TcpSocket::from_std_stream(socket.into()))
    }

    /// What `open` opens here.
    pub(super) async fn open(
        &self,
        open: impl FnOnce() -> io::Result<OwnedFd> + Send + 'static,
    ) -> io::Result<OwnedFd> {
        self.opener.open(&self.namespace, open).await
    }
}

/// A socket in the calling thread's namespace that nobody waits at.
fn socket(to: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}

/// Tries one thing from one namespace.
pub struct Prober {
    place: Place,
    traffic: Traffic,
    /// The status that is right; none for any good one.
    status: Option<u16>,
    /// How long an attempt may take.
    patience: Duration,
    /// Where programs start.
    directory: Option<PathBuf>,
    /// The socket of the attempt before, where it serves again. After a failure there is a new one.
    kept: Option<Socket>,
    numbers: Numbers,
}

/// What an attempt is made with.
enum Socket {
    Echo(EchoSocket),
    Dns(UdpSocket),
    Tcp(TcpSocket),
    /// A program has its own.
    None,
}

impl Prober {
    /// A prober that waits for so long.
    #[must_use]
    pub fn new(place: Place, traffic: &Traffic, status: Option<u16>, patience: Duration) -> Self {
        let (traffic, numbers) = (traffic.clone(), Numbers::new());
        Self { place, traffic, status, patience, directory: None, kept: None, numbers }
    }

    /// The same with a folder that programs start in.
    #[must_use]
    pub fn in_directory(self, directory: Option<&Path>) -> Self {
        Self { directory: directory.map(Path::to_owned), ..self }
    }

    /// Tries it once. Opening a socket is no part of what is measured, nor of the time that it may take: the thread that
    /// opens them may be busy.
    pub async fn attempt(&mut self) -> Attempt {
        let socket = self.socket().await.map_err(|error| error.to_string())?;
        let tried = timeout(self.patience, self.try_with(socket)).await;
        let (took, kept) = tried.unwrap_or_else(|_| Err(self.late()))?;
        self.kept = kept;
        Ok(took)
    }

    async fn socket(&mut self) -> io::Result<Socket> {
        let kept = self.kept.take();
        Ok(match (&self.traffic, kept) {
            (Traffic::Icmp(_) | Traffic::Dns(_), Some(kept)) => kept,
            (Traffic::Icmp(to), None) => {
                let (to, identifier) = (*to, self.numbers.next());
                let socket = self.place.open(move || echo_socket::open(to, identifier)).await?;
                Socket::Echo(EchoSocket::new(socket, to, identifier)?)
            }
            (Traffic::Dns(query), None) => Socket::Dns(dns_socket(&self.place, query).await?),
            (Traffic::Tcp(to), _) => Socket::Tcp(self.place.tcp_socket(*to).await?),
            (Traffic::Http(url), _) => Socket::Tcp(self.place.tcp_socket(url.address).await?),
            (Traffic::Command(_), _) => Socket::None,
        })
    }

    /// How long it took, and the socket if it serves again.
    async fn try_with(&mut self, socket: Socket) -> Result<(Duration, Option<Socket>), String> {
        let said = |error: io::Error| error.to_string();
        let begun = Instant::now();
        match (&self.traffic, socket) {
            (Traffic::Icmp(_), Socket::Echo(mut socket)) => {
                socket.ask().await.map_err(said)?;
                Ok((begun.elapsed(), Some(Socket::Echo(socket))))
            }
            (Traffic::Dns(query), Socket::Dns(socket)) => {
                dns::ask(&socket, query, self.numbers.next()).await.map_err(said)??;
                Ok((begun.elapsed(), Some(Socket::Dns(socket))))
            }
            (Traffic::Tcp(to), Socket::Tcp(socket)) => {
                // It is closed when the time is taken.
                let stream = socket.connect(*to).await.map_err(said)?;
                let took = begun.elapsed();
                drop(stream);
                Ok((took, None))
            }
            (Traffic::Http(url), Socket::Tcp(socket)) => {
                let stream = socket.connect(url.address).await.map_err(said)?;
                let fetched = http::fetch(stream, url, |_| false).await.map_err(|error| chain(&*error))?;
                right(fetched, self.status).map(|()| (begun.elapsed(), None))
            }
            (Traffic::Command(words), _) => {
                program::run(&self.place.name, words, self.directory.as_deref()).await?;
                Ok((begun.elapsed(), None))
            }
            // Each kind is given the socket that was opened for it.
            _ => Err("no socket to try it with".to_owned()),
        }
    }

    fn late(&self) -> String {
        let patience = self.patience;
        match self.traffic {
            Traffic::Tcp(_) => format!("no connection within {patience:?}"),
            Traffic::Command(_) => format!("not done within {patience:?}"),
            _ => format!("no answer within {patience:?}"),
        }
    }
}

async fn dns_socket(place: &Place, query: &Query) -> io::Result<UdpSocket> {
    let server = query.server;
    let open = move || {
        let socket = socket(server, SocketType::DGRAM)?;
        connect(&socket, &server)?;
        Ok(socket)
    };
    UdpSocket::from_std(place.open(open).await?.into())
}

fn right(Fetched { status, .. }: Fetched, wanted: Option<u16>) -> Result<(), String> {
    let is_right = wanted.map_or(GOOD.contains(&status), |wanted| wanted == status);
    if is_right { Ok(()) } else { Err(format!("status {status}")) }
}
