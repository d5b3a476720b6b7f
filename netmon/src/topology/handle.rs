//! An open namespace with a netlink socket inside, and the creation of many namespaces at once.

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

use super::{dad::NewNamespaces, error::TopologyError};
use crate::ownership::mark::Mark;

/// At most this many threads create or read namespaces. The kernel does most of this work in parallel; the rest waits
/// for locks that all threads share.
const MAX_THREADS: usize = 4;

/// An open namespace. It keeps the namespace alive.
#[derive(Debug)]
pub struct Handle {
    /// The namespace.
    pub namespace: Arc<NetNs>,
    /// A socket inside it. `None` until it is needed.
    socket: Option<Netlink>,
}

/// Open namespaces, by name.
pub type Handles = BTreeMap<NsName, Handle>;

impl Handle {
    /// Opens the namespace called `name`.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist or cannot be entered.
    pub fn open(name: &NsName) -> Result<Self, TopologyError> {
        let namespace = NetNs::open(name)?;
        Ok(Self { socket: Some(Netlink::open_in(&namespace)?), namespace: Arc::new(namespace) })
    }

    /// Takes an open namespace. A socket inside is opened when it is needed.
    pub(crate) fn of(namespace: NetNs) -> Self {
        Self { socket: None, namespace: Arc::new(namespace) }
    }

    /// Opens a socket in a namespace. The calling thread stays inside.
    pub(crate) fn enter(namespace: NetNs) -> Result<Self, TopologyError> {
        namespace.enter()?;
        Ok(Self { socket: Some(Netlink::open()?), namespace: Arc::new(namespace) })
    }

    /// Returns the socket inside, and opens it if necessary.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be opened.
    pub fn netlink(&mut self) -> Result<&mut Netlink, NetlinkError> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            none => Ok(none.insert(Netlink::open_in(&self.namespace)?)),
        }
    }

    /// Closes the socket. A namespace is destroyed only after the kernel has released its sockets, which takes a while: a
    /// caller that removes many namespaces closes them early.
    pub(super) fn close_socket(&mut self) {
        self.socket = None;
    }

    /// Returns the cookie of the namespace.
    ///
    /// # Errors
    ///
    /// Fails before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, TopologyError> {
        match &self.socket {
            Some(socket) => Ok(socket.cookie()?),
            None => Ok(self.namespace.cookie()?),
        }
    }

    /// Creates a namespace that is marked and has lo up before it gets its name. The calling thread stays inside.
    fn create(name: &NsName, mark: &Mark, dad: &mut NewNamespaces) -> Result<Self, TopologyError> {
        let namespace = NetNs::unshare()?;
        dad.prepare_here();
        let mut netlink = Netlink::open()?;
        netlink.request(&set_alias_and_up(LOOPBACK, "lo", mark.as_str()))?;
        names::place(name, &namespace, mark.as_str())?;
        Ok(Self { namespace: Arc::new(namespace), socket: Some(netlink) })
    }
}

/// Returns how many threads should create or read namespaces.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

/// Creates namespaces on a few threads, and calls `created` for each, in no particular order.
///
/// # Errors
///
/// Returns the first failure. No more namespaces are begun after it. `created` is still called for those that exist by
/// then, and they stay.
pub fn create_all(
    wanted: &[NsName],
    mark: &Mark,
    mut created: impl FnMut(&NsName, Handle),
) -> Result<(), TopologyError> {
    let failed = AtomicBool::new(false);
    let share = wanted.len().div_ceil(threads()).max(1);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let mut outcome = Ok(());
        for share in wanted.chunks(share) {
            let (sender, failed) = (sender.clone(), &failed);
            let create = move || {
                let mut dad = NewNamespaces::default();
                for name in share.iter().take_while(|_| !failed.load(Ordering::Relaxed)) {
                    let handle = Handle::create(name, mark, &mut dad);
                    if handle.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    // The receiver exists until all of these threads have ended.
                    let _ = sender.send((name, handle));
                }
            };
            let started = thread::Builder::new().name("netns-creator".to_owned()).spawn_scoped(scope, create);
            if let Err(e) = started {
                failed.store(true, Ordering::Relaxed);
                outcome = Err(NetNsError::new("start", "a thread that creates namespaces", e).into());
                break;
            }
        }
        drop(sender);
        for (name, handle) in receiver {
            match handle {
                Ok(handle) => created(name, handle),
                Err(e) => outcome = outcome.and(Err(e)),
            }
        }
        outcome
    })
}

/// Raises the limit of open descriptors as far as it is allowed. A namespace takes two, and the usual limit is 1,024.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If this is refused, a large lab fails later with a message about open files.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
