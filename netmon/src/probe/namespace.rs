//! The namespace that attempts are made from, and the sockets that are opened in it.
//!
//! A socket belongs to the namespace of the thread that opens it, and can then be used from any thread.

use std::{io, net::SocketAddr, os::fd::OwnedFd, sync::Arc};

use netmon_kernel::netns::{NetNs, Opener};
use netmon_model::{error::chain, names::NsName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with, sockopt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// Pending connections to a listener here: a load has one.
const BACKLOG: i32 = 8;

/// A namespace that attempts are made from. It stays alive as long as a copy of this exists.
#[derive(Clone)]
pub struct ProbeNamespace {
    name: NsName,
    namespace: Arc<NetNs>,
    opener: Opener,
}

impl ProbeNamespace {
    /// Opens the namespace `name`. Its sockets are opened on the thread of `opener`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such namespace, or it cannot be opened.
    pub fn open(name: &NsName, opener: &Opener) -> Result<Self, String> {
        let namespace = NetNs::open(name).map_err(|error| chain(&error))?;
        Ok(Self { name: name.clone(), namespace: Arc::new(namespace), opener: opener.clone() })
    }

    pub(super) fn name(&self) -> &NsName {
        &self.name
    }

    /// Connects to `target`.
    pub(super) async fn connect(&self, target: SocketAddr) -> io::Result<TcpStream> {
        self.tcp_socket(target).await?.connect(target).await
    }

    /// Opens a TCP socket that can be connected to `target`.
    pub(super) async fn tcp_socket(&self, target: SocketAddr) -> io::Result<TcpSocket> {
        let socket = self.open_socket(move || socket(target, SocketType::STREAM)).await?;
        Ok(TcpSocket::from_std_stream(socket.into()))
    }

    /// Opens a UDP socket that is connected to `target`.
    pub(super) async fn udp_socket(&self, target: SocketAddr) -> io::Result<UdpSocket> {
        let open = move || {
            let socket = socket(target, SocketType::DGRAM)?;
            connect(&socket, &target)?;
            Ok(socket)
        };
        UdpSocket::from_std(self.open_socket(open).await?.into())
    }

    /// Listens on `address`.
    pub(super) async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let open = move || {
            let socket = socket(address, SocketType::STREAM)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &address)?;
            listen(&socket, BACKLOG)?;
            Ok(socket)
        };
        TcpListener::from_std(self.open_socket(open).await?.into())
    }

    /// Calls `open` on a thread that is in this namespace.
    pub(super) async fn open_socket(
        &self,
        open: impl FnOnce() -> io::Result<OwnedFd> + Send + 'static,
    ) -> io::Result<OwnedFd> {
        self.opener.open(&self.namespace, open).await
    }
}

/// Opens a non-blocking socket in the calling thread's namespace, of the family of `peer`.
fn socket(peer: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}
