//! What a service needs of its namespace: a descriptor for a process to enter by, or a listening socket.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd as _, OwnedFd},
};

use netmon_kernel::netns::{NetNs, NetNsError};
use netmon_model::{error::chain, names::NsName};

/// The namespace's descriptor; none for the one that netmon itself is in.
pub(crate) fn open(name: &NsName) -> Result<Option<OwnedFd>, NetNsError> {
    if name.is_root() {
        return Ok(None);
    }
    let namespace = NetNs::open(name)?;
    namespace.as_fd().try_clone_to_owned().map(Some).map_err(|e| NetNsError::new("hold", name.as_str(), e))
}

/// Binds a listening socket inside the namespace. The socket stays there, whoever uses it. Blocks shortly.
pub(crate) fn listen(name: &NsName, address: SocketAddr) -> io::Result<TcpListener> {
    let bind = || TcpListener::bind(address);
    if name.is_root() {
        return bind();
    }
    let inside = NetNs::open(name).and_then(|namespace| namespace.run(bind));
    inside.unwrap_or_else(|error| Err(io::Error::new(error.kind(), chain(&error))))
}
