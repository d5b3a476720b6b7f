//! The sockets that the server listens on, bound before anything is built and not served yet.
//!
//! The file of a unix socket has mode 0600 from its first moment, and is removed at the end. One that an agent left
//! behind, because it was killed, is replaced: only if nothing answers there, and only if it belongs to this user.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, MetadataExt as _},
            net::UnixListener as StdUnixListener,
        },
    },
    path::{Path, PathBuf},
};

use netmon_kernel::owned_files;
use netmon_model::server_address::ServerAddress;
use rustix::{
    fs::{Mode, fchmod},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, listen,
        socket_with,
    },
    process::geteuid,
};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::http::Listener;

/// Where agents put what they share. It exists only while there are any.
const RUN_DIRECTORY: &str = "/run/netmon";
/// Connections that wait to be accepted, as far as net.core.somaxconn allows. The kernel drops further ones, whose clients
/// try again after a second or more: so a crowd must fit, for a scrape to get in soon.
const BACKLOG: u32 = 4096;

/// A socket could not be bound: the address is in use, or is not one of this host.
#[derive(Debug, Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: ServerAddress,
    /// The cause.
    pub source: io::Error,
}

/// The sockets of a server.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) sockets: Vec<Listener>,
    addresses: Vec<ServerAddress>,
    pub(super) files: Vec<SocketFile>,
}

impl Listeners {
    /// Binds every address.
    ///
    /// # Errors
    ///
    /// Fails with the first address that cannot be bound. The others are free again.
    pub fn bind(addresses: &[ServerAddress]) -> Result<Self, ListenError> {
        let mut listeners = Self::default();
        for address in addresses {
            let added = match address {
                ServerAddress::Tcp(tcp) => listeners.add_tcp(*tcp),
                ServerAddress::Unix(path) => listeners.add_unix(path),
            };
            added.map_err(|source| ListenError { address: address.clone(), source })?;
        }
        Ok(listeners)
    }

    /// Adds sockets that a service manager opened for this process, which listen already.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to use one.
    pub fn add_open(&mut self, sockets: Vec<OwnedFd>) -> io::Result<()> {
        for socket in sockets {
            let listener = if matches!(getsockname(&socket)?.address_family(), AddressFamily::UNIX) {
                let listener = StdUnixListener::from(socket);
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixListener::from_std(listener)?)
            } else {
                let listener = StdTcpListener::from(socket);
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?)
            };
            self.add(listener)?;
        }
        Ok(())
    }

    /// Adds a unix socket as the first address, which is the one that clients are told.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be bound.
    pub fn add_first(&mut self, path: &Path) -> io::Result<()> {
        self.add_unix(path)?;
        self.addresses.rotate_right(1);
        Ok(())
    }

    /// Returns the addresses, with the ports that the kernel chose.
    #[must_use]
    pub fn addresses(&self) -> &[ServerAddress] {
        &self.addresses
    }

    fn add_tcp(&mut self, address: SocketAddr) -> io::Result<()> {
        let is_of_ipv4 = is_every_address_of_ipv6(address) && !has_ipv6();
        // On a host without IPv6, every address is every address of IPv4.
        let address = if is_of_ipv4 { (Ipv4Addr::UNSPECIFIED, address.port()).into() } else { address };
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Connections of before that the kernel has not forgotten yet do not keep the port.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        self.add(Listener::Tcp(socket.listen(BACKLOG)?))
    }

    fn add_unix(&mut self, path: &Path) -> io::Result<()> {
        let (listener, file) = bind_unix(path)?;
        self.files.push(file);
        self.add(Listener::Unix(listener))
    }

    fn add(&mut self, socket: Listener) -> io::Result<()> {
        let address = match socket.address()? {
            Some(address) => address.into(),
            None => ServerAddress::Unix(socket.path().unwrap_or_default()),
        };
        self.addresses.push(address);
        self.sockets.push(socket);
        Ok(())
    }
}

impl TryFrom<TcpListener> for Listeners {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<Self> {
        let mut listeners = Self::default();
        listeners.add(Listener::Tcp(listener))?;
        Ok(listeners)
    }
}

fn is_every_address_of_ipv6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn has_ipv6() -> bool {
    socket_with(AddressFamily::INET6, SocketType::STREAM, SocketFlags::CLOEXEC, None).is_ok()
}

/// The file of a unix socket. Dropping it removes the file, unless another socket has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and inode.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
        if self.path.parent() == Some(Path::new(RUN_DIRECTORY)) {
            // Fails as long as there is anything else in it.
            let _ = fs::remove_dir(RUN_DIRECTORY);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|about| (about.dev(), about.ino()))
}

fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    if let Some(folder) = path.parent() {
        if folder == Path::new(RUN_DIRECTORY) {
            owned_files::make_directory(folder)?;
        }
        owned_files::own::require(folder)?;
    }
    remove_stale(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The file gets the mode of the socket, so it is never open to others, however short.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
    listen(&socket, BACKLOG.cast_signed())?;
    Ok((UnixListener::from_std(socket.into())?, file))
}

/// Removes a socket that no process listens on any more. Anything else at this path stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    let is_own = about.uid() == 0 || about.uid() == geteuid().as_raw();
    if !about.file_type().is_socket() || !is_own {
        let text = format!("there is something else, of user {}, which netmon does not replace", about.uid());
        return Err(io::Error::other(text));
    }
    match try_connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// Connects without waiting: a listener that accepts nothing is one, too.
fn try_connect(path: &Path) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&socket, &SocketAddrUnix::new(path)?)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt as _, net::UnixListener as StdListener};

    use super::*;

    fn unix(path: &Path) -> ServerAddress {
        ServerAddress::Unix(path.to_owned())
    }

    fn bound(path: &Path) -> Result<Listeners, String> {
        Listeners::bind(&[unix(path)]).map_err(|error| error.source.to_string())
    }

    #[tokio::test]
    async fn several_addresses_are_bound_and_the_kernel_chooses_ports() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.sock");
        let any = "localhost:0".parse().unwrap();
        let listeners = Listeners::bind(&[any, unix(&path)]).unwrap();
        let [ServerAddress::Tcp(tcp), socket] = listeners.addresses() else { panic!("{listeners:?}") };
        assert!(tcp.port() > 0);
        assert_eq!(*socket, unix(&path));
        let error = Listeners::bind(&[(*tcp).into()]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {tcp}"));
    }

    #[tokio::test]
    async fn the_file_of_a_socket_is_its_owners_and_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.sock");
        let listeners = bound(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        drop(listeners);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_is_replaced_only_if_nothing_listens_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.sock");
        let listening = StdListener::bind(&path).unwrap();
        assert_eq!(bound(&path).unwrap_err(), "another process listens there");
        drop(listening);
        let listeners = bound(&path).unwrap();
        // A socket of another agent that took the path meanwhile stays.
        fs::remove_file(&path).unwrap();
        let _other = StdListener::bind(&path).unwrap();
        drop(listeners);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn files_and_folders_that_others_can_change_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.sock");
        fs::write(&path, "precious").unwrap();
        assert!(bound(&path).unwrap_err().contains("which netmon does not replace"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = bound(&folder.path().join("other.sock")).unwrap_err();
        assert!(error.contains("can be written to by every user"), "{error}");
    }
}
