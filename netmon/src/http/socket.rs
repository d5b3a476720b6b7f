//! Listeners and connections of both kinds, TCP and unix, as one.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, UnixListener},
};

use super::{Limits, house::Peer, place::Place};

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection of any kind.
pub type Connection = Box<dyn Duplex>;

/// A socket that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// Of an IP address.
    Tcp(TcpListener),
    /// Of a path.
    Unix(UnixListener),
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) peer: Peer,
    /// `None` over a unix socket.
    pub(super) address: Option<SocketAddr>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.peer) {
            (Some(address), _) => write!(f, "{address}"),
            (None, Peer::User(user)) => write!(f, "user {user}"),
            (None, _) => f.write_str("a client"),
        }
    }
}

impl Listener {
    /// Accepts a connection, whose sent data may stay unacknowledged for [`Limits::stall_time`].
    pub(super) async fn accept(&self, limits: &Limits) -> io::Result<(Connection, Client)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                let stall_ms = u32::try_from(limits.stall_time.as_millis()).unwrap_or(u32::MAX);
                // Bounds a closed window, too (tcp(7)).
                if let Err(error) = set_tcp_user_timeout(&stream, stall_ms) {
                    log::debug!("cannot bound the time of the HTTP connection from {address}: {error}");
                }
                let _ = stream.set_nodelay(true);
                let client = Client { peer: Peer::at(address.ip()), address: Some(address) };
                Ok((Box::new(stream), client))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer =
                    stream.peer_cred().map_or(Peer::Local, |credentials| Peer::User(credentials.uid()));
                Ok((Box::new(stream), Client { peer, address: None }))
            }
        }
    }

    /// Returns the IP address that it listens on. `None` for a unix socket.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does not say.
    pub fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            Self::Unix(_) => Ok(None),
        }
    }

    /// Returns the path of a unix socket. `None` if it has none.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(listener) => listener.local_addr().ok()?.as_pathname().map(Path::to_owned),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(_) => f.write_str("an address"),
            },
            Self::Unix(_) => write!(f, "unix:{}", self.path().unwrap_or_default().display()),
        }
    }
}

/// A connection that notes while its client takes nothing of what is sent.
pub(super) struct Observed<S> {
    stream: S,
    place: Place,
    is_stalled: bool,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, place, is_stalled: false }
    }

    fn note<T>(&mut self, written: &Poll<T>) {
        if written.is_pending() != self.is_stalled {
            self.is_stalled = written.is_pending();
            self.place.stall(self.is_stalled.then(Instant::now));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
