//! The event streams of container daemons, used as bells: that something happened is all that is read of them.
//!
//! A container that is renamed causes no event of the kernel's. What an event says is not needed, since the list says it better:
//! so a line that cannot be read does no harm, nor does a daemon that closes the stream.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
};

use netmon_model::survey::Runtime;

use super::{DAEMONS, Daemon};
use crate::discover::{census::Census, naming::cgroup::Owner};

/// Asks for what happens to containers, in the daemon's own version: `{"type":["container"],"event":[...]}`, encoded. A
/// health check or `exec` is none of it.
const REQUEST: &str = "GET /events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%2C\
%22die%22%2C%22died%22%2C%22rename%22%2C%22destroy%22%2C%22remove%22%5D%7D HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The streams that are open.
#[derive(Debug, Default)]
pub(in crate::discover) struct Bells {
    open: Vec<(Runtime, UnixStream)>,
}

impl Bells {
    /// Opens the stream of each daemon that has a container in a namespace.
    pub(in crate::discover) fn listen(census: &Census) -> Self {
        let mut bells = Self::default();
        bells.listen_again(census);
        bells
    }

    /// Opens streams that are not open. A daemon that refuses is tried again next time: at the latest when everything is read
    /// again.
    pub(in crate::discover) fn listen_again(&mut self, census: &Census) {
        for daemon in DAEMONS {
            let is_open = self.open.iter().any(|(runtime, _)| *runtime == daemon.runtime);
            if !is_open && has_container(census, daemon.runtime) && daemon.socket().is_ok() {
                self.open.extend(open(daemon).ok().map(|stream| (daemon.runtime, stream)));
            }
        }
    }

    /// Returns the descriptors that become readable when a bell rings.
    pub(in crate::discover) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|(_, stream)| stream.as_fd())
    }

    /// Returns whether something happened since the last call. A stream that its daemon has closed counts, and is closed.
    pub(in crate::discover) fn have_rung(&mut self) -> bool {
        let mut have_rung = false;
        self.open.retain_mut(|(_, stream)| {
            let heard = drain(stream);
            have_rung |= heard != Heard::Nothing;
            heard != Heard::End
        });
        have_rung
    }
}

fn has_container(census: &Census, wanted: Runtime) -> bool {
    let mut owners = census.keepers.values().flat_map(|keeper| &keeper.evidence.owners);
    owners.any(|owner| matches!(owner, Owner::Container { runtime, .. } if *runtime == wanted))
}

fn open(daemon: Daemon) -> io::Result<UnixStream> {
    let mut stream = connect(daemon.socket)?;
    stream.write_all(REQUEST.as_bytes())?;
    Ok(stream)
}

/// Connects without waiting: a daemon that accepts no connections must not hold up the caller.
fn connect(path: &str) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Something,
    End,
}

/// Reads what is there and drops it.
fn drain(stream: &mut UnixStream) -> Heard {
    let (mut buffer, mut heard) = ([0; 4096], Heard::Nothing);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Heard::End,
            Ok(_) => heard = Heard::Something,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return heard,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Heard::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell() -> (Bells, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (Bells { open: vec![(Runtime::Docker, here)] }, there)
    }

    #[test]
    fn whatever_a_daemon_sends_rings_once() {
        let (mut bells, mut daemon) = bell();
        assert!(!bells.have_rung());
        daemon.write_all(b"{\"not json\n\xff").unwrap();
        assert!(bells.have_rung() && !bells.have_rung());
    }

    #[test]
    fn a_stream_that_ends_rings_and_is_closed() {
        let (mut bells, daemon) = bell();
        drop(daemon);
        assert!(bells.have_rung() && bells.open.is_empty() && !bells.have_rung());
    }
}
