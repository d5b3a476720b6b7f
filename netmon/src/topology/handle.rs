//! A namespace together with its netlink socket, and how many of them are opened or made at once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use netmon_kernel::{
    netlink::{
        Netlink, NetlinkError,
        link::{LOOPBACK, set_alias_and_up},
    },
    netns::{Cookie, NetNs, NetNsError, names},
};
use netmon_model::names::NsName;

use super::{duplicates::NewNamespaces, error::TopologyError};
use crate::ownership::mark::Mark;

/// Most threads that make or read namespaces at once. The kernel does the larger part of either beside others; the rest
/// waits for locks that all share.
const MOST_THREADS: usize = 4;

/// A namespace that is being worked on.
#[derive(Debug)]
pub struct Handle {
    /// The namespace.
    pub namespace: Arc<NetNs>,
    /// A socket inside it; none while nobody asks.
    socket: Option<Netlink>,
}

/// Namespaces that are being worked on, by name.
pub type Handles = BTreeMap<NsName, Handle>;

impl Handle {
    /// Opens the namespace that is called `name`.
    ///
    /// # Errors
    ///
    /// When there is none, or it may not be entered.
    pub fn open(name: &NsName) -> Result<Self, TopologyError> {
        let namespace = NetNs::open(name)?;
        Ok(Self { socket: Some(Netlink::open_in(&namespace)?), namespace: Arc::new(namespace) })
    }

    /// A handle of a namespace that is held already. The calling thread ends up inside it.
    pub(crate) fn enter(namespace: NetNs) -> Result<Self, TopologyError> {
        namespace.enter()?;
        Ok(Self { socket: Some(Netlink::open()?), namespace: Arc::new(namespace) })
    }

    /// The socket inside it.
    ///
    /// # Errors
    ///
    /// When there is none yet, and the kernel gives none.
    pub fn netlink(&mut self) -> Result<&mut Netlink, NetlinkError> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            none => Ok(none.insert(Netlink::open_in(&self.namespace)?)),
        }
    }

    /// Lets go of the socket. A namespace lives until the kernel is through with its sockets, some time after they were
    /// closed: whoever wants many of them gone quickly closes these first.
    pub(super) fn close_socket(&mut self) {
        self.socket = None;
    }

    /// The cookie of the namespace.
    ///
    /// # Errors
    ///
    /// Before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, TopologyError> {
        match &self.socket {
            Some(socket) => Ok(socket.cookie()?),
            None => Ok(self.namespace.cookie()?),
        }
    }

    /// Makes one on the calling thread, which ends up inside it: marked, lo up, and only then named.
    fn make(name: &NsName, mark: &Mark, duplicates: &mut NewNamespaces) -> Result<Self, TopologyError> {
        let namespace = NetNs::unshare()?;
        duplicates.do_not_await_here();
        let mut netlink = Netlink::open()?;
        netlink.request(&set_alias_and_up(LOOPBACK, "lo", mark.as_str()))?;
        names::place(name, &namespace, mark.as_str())?;
        Ok(Self { namespace: Arc::new(namespace), socket: Some(netlink) })
    }
}

/// How many threads make or read namespaces.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Makes namespaces on a few threads of their own, and calls `made` as each appears, in whatever order. After one that
/// fails no more are begun; those that are made are told all the same, and stay.
///
/// # Errors
///
/// What the first failure was.
pub fn make_all(
    wanted: &[NsName],
    mark: &Mark,
    mut made: impl FnMut(&NsName, Handle),
) -> Result<(), TopologyError> {
    let failed = AtomicBool::new(false);
    let share = wanted.len().div_ceil(threads()).max(1);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let mut outcome = Ok(());
        for share in wanted.chunks(share) {
            let (sender, failed) = (sender.clone(), &failed);
            let maker = move || {
                let mut duplicates = NewNamespaces::default();
                for name in share.iter().take_while(|_| !failed.load(Ordering::Relaxed)) {
                    let handle = Handle::make(name, mark, &mut duplicates);
                    if handle.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    // The receiver listens until all of us are done.
                    let _ = sender.send((name, handle));
                }
            };
            let started = thread::Builder::new().name("netns-maker".to_owned()).spawn_scoped(scope, maker);
            if let Err(e) = started {
                failed.store(true, Ordering::Relaxed);
                outcome = Err(NetNsError::new("start", "a thread that makes namespaces", e).into());
                break;
            }
        }
        drop(sender);
        for (name, handle) in receiver {
            match handle {
                Ok(handle) => made(name, handle),
                Err(e) => outcome = outcome.and(Err(e)),
            }
        }
        outcome
    })
}

/// A namespace takes two descriptors, and the customary limit is 1,024: asks for as many as are allowed.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // When it is refused, large labs fail at the descriptor that is one too many, and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
