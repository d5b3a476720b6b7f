//! Opening a lab's namespace by name, and binding a socket in it.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd as _, OwnedFd},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::names::NsName;

/// The namespace's descriptor; none for the one that netmon itself is in.
pub(crate) fn open(name: &NsName) -> io::Result<Option<OwnedFd>> {
    if name.is_root() {
        return Ok(None);
    }
    Ok(Some(File::open(format!("/run/netns/{name}"))?.into()))
}

/// Binds a listening socket inside the namespace. The socket stays there, whoever uses it. Blocks shortly.
pub(crate) fn listen(name: &NsName, address: SocketAddr) -> io::Result<TcpListener> {
    let Some(namespace) = open(name)? else { return TcpListener::bind(address) };
    // A thread of its own enters the namespace and ends there: none that others use is ever moved.
    let bind = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        TcpListener::bind(address)
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netmon-listen".to_owned()).spawn_scoped(scope, bind)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that binds panicked")))
    })
}
