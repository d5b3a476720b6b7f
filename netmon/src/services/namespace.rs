//! What a service needs of its namespace: a descriptor for a process to enter it by, or a listening socket in it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use netmon_kernel::{
    netlink::AddressWatch,
    netns::{NetNs, NetNsError},
};
use netmon_model::{error::chain, names::NsName};
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

/// How long an address may take to become usable: IPv6 checks for duplicates first (RFC 4862).
const ADDRESS_TIME: Duration = Duration::from_secs(4);

/// Returns the namespace's descriptor. `None` for the one that netmon itself is in.
pub(crate) fn open(name: &NsName) -> Result<Option<OwnedFd>, NetNsError> {
    if name.is_root() {
        return Ok(None);
    }
    let namespace = NetNs::open(name)?;
    namespace.as_fd().try_clone_to_owned().map(Some).map_err(|e| NetNsError::new("hold", name.as_str(), e))
}

/// Binds a listening socket inside the namespace, and waits up to [`ADDRESS_TIME`] for an address that cannot be used
/// yet. The socket stays in the namespace, whichever thread uses it.
pub(crate) async fn listen(name: &NsName, address: SocketAddr) -> io::Result<TcpListener> {
    let is_unavailable =
        |bound: &io::Result<_>| bound.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrNotAvailable);
    let mut bound = bind(name, address).await;
    if !is_unavailable(&bound) {
        return bound;
    }
    let deadline = Instant::now() + ADDRESS_TIME;
    let mut addresses = AddressWatch::open(&NetNs::open(name).map_err(|error| to_io(&error))?)?;
    loop {
        // Once more after the subscription: the address may have become usable before it.
        bound = bind(name, address).await;
        if !is_unavailable(&bound) {
            return bound;
        }
        match timeout_at(deadline, addresses.changed()).await {
            Ok(changed) => changed?,
            Err(_) => return bound,
        }
    }
}

async fn bind(name: &NsName, address: SocketAddr) -> io::Result<TcpListener> {
    let name = name.clone();
    let bind = move || {
        if name.is_root() {
            return TcpListener::bind(address);
        }
        let inside = NetNs::open(&name).and_then(|namespace| namespace.run(|| TcpListener::bind(address)));
        inside.map_err(|error| to_io(&error))?
    };
    spawn_blocking(bind).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn to_io(error: &NetNsError) -> io::Error {
    io::Error::new(error.kind(), chain(error))
}
