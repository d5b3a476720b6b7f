//! Which of the lab's interfaces are there, and up: told by the kernel when it changes, never polled.
//!
//! One subscription a namespace, one thread for all of them. When something is announced, that namespace's
//! interfaces are listed anew.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use log::{info, warn};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::{
    causes::in_full,
    names::{IfIndex, IfName, NsName},
    netlink::{
        Netlink, NetlinkError,
        link::Interface,
        watch::{LinkWatch, Seen},
    },
    netns::Identity,
    topology::Endpoint,
};

/// One interface of the lab.
#[derive(Clone, Debug)]
struct State {
    interface: IfName,
    exists: bool,
    up: bool,
    /// Changes that were announced: of its state, its queue, its offloads.
    changes: u64,
}

/// The sockets that the interfaces of each namespace are listed with. They hold their namespaces.
pub(super) type Sockets = HashMap<Identity, Arc<Mutex<Netlink>>>;

type States = HashMap<(NsName, IfIndex), State>;

/// Follows the lab's interfaces for as long as it lives.
pub(super) struct LinkStates {
    states: Arc<Mutex<States>>,
    stop: OwnedFd,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// One namespace's subscription, and the socket to list its interfaces with. Neither holds the namespace.
struct Followed {
    namespace: NsName,
    identity: Identity,
    watch: LinkWatch,
    netlink: Arc<Mutex<Netlink>>,
}

impl LinkStates {
    /// Follows the interfaces of `endpoints`. Its sockets may be shared.
    pub(super) fn follow(endpoints: &[Endpoint]) -> io::Result<(Self, Sockets)> {
        let mut states = States::new();
        let mut namespaces: HashMap<Identity, &Endpoint> = HashMap::new();
        for endpoint in endpoints {
            namespaces.entry(endpoint.netns.identity()).or_insert(endpoint);
            let state = State { interface: endpoint.interface.clone(), exists: true, up: false, changes: 0 };
            states.insert((endpoint.namespace.clone(), endpoint.ifindex), state);
        }
        let followed = namespaces.into_values().map(Followed::new).collect::<io::Result<Vec<Followed>>>()?;
        for one in &followed {
            let interfaces = one.list();
            one.take(interfaces, &mut states, true);
        }
        let sockets = followed.iter().map(|one| (one.identity, Arc::clone(&one.netlink))).collect();
        let states = Arc::new(Mutex::new(states));
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let thread = {
            let (stop, states) = (stop.try_clone()?, Arc::clone(&states));
            thread::Builder::new()
                .name("links".to_owned())
                .spawn(move || follow_until(&stop, &followed, &states))?
        };
        Ok((Self { states, stop, thread: Mutex::new(Some(thread)) }, sockets))
    }

    /// Whether an interface exists in its namespace, and whether it is up.
    pub(super) fn of(&self, namespace: &NsName, ifindex: IfIndex) -> (bool, bool) {
        let key = (namespace.clone(), ifindex);
        lock(&self.states).get(&key).map_or((false, false), |state| (state.exists, state.exists && state.up))
    }

    /// How many changes of an interface were announced so far.
    pub(super) fn changes(&self, namespace: &NsName, ifindex: IfIndex) -> u64 {
        lock(&self.states).get(&(namespace.clone(), ifindex)).map_or(0, |state| state.changes)
    }

    /// How many interfaces are gone.
    pub(super) fn gone(&self) -> usize {
        lock(&self.states).values().filter(|state| !state.exists).count()
    }

    /// Ends the subscriptions; the states stay as they were.
    pub(super) fn let_go(&self) {
        // An eventfd takes eight bytes; it cannot be full after a few writes.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for LinkStates {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// A panic while the lock was held leaves states that are as good as before.
fn lock(states: &Mutex<States>) -> MutexGuard<'_, States> {
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow_until(stop: &OwnedFd, followed: &[Followed], states: &Mutex<States>) {
    loop {
        let mut ready: Vec<PollFd<'_>> = vec![PollFd::new(stop, PollFlags::IN)];
        ready.extend(followed.iter().map(|one| PollFd::from_borrowed_fd(one.watch.as_fd(), PollFlags::IN)));
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => {
                warn!("cannot follow the state of the lab's interfaces any more: {error}");
                return;
            }
        }
        let announced: Vec<bool> = ready.iter().map(|fd| !fd.revents().is_empty()).collect();
        if announced.first() == Some(&true) {
            return;
        }
        for (one, _) in followed.iter().zip(announced.iter().skip(1)).filter(|(_, announced)| **announced) {
            // What was announced is seen in the list; that something was, is noted.
            let announcements = one.watch.next(Duration::ZERO).unwrap_or_default();
            // Before the lock: whoever shares the socket may hold it, and wait for the states.
            let interfaces = one.list();
            let mut states = lock(states);
            one.note(&announcements, &mut states);
            one.take(interfaces, &mut states, false);
        }
    }
}

impl Followed {
    fn new(endpoint: &Endpoint) -> io::Result<Self> {
        let open = || Ok((LinkWatch::open()?, Netlink::open().map_err(io::Error::other)?));
        let (watch, netlink) =
            endpoint.netns.run(open).map_err(io::Error::other).and_then(|opened: io::Result<_>| opened)?;
        Ok(Self {
            namespace: endpoint.namespace.clone(),
            identity: endpoint.netns.identity(),
            watch,
            netlink: Arc::new(Mutex::new(netlink)),
        })
    }

    /// Counts the changes of each interface; of announcements that were lost, one may have been anybody's.
    fn note(&self, announcements: &[Seen], states: &mut States) {
        for ((_, ifindex), state) in states.iter_mut().filter(|((ns, _), _)| *ns == self.namespace) {
            let about = |seen: &&Seen| matches!(seen, Seen::Lost) || **seen == Seen::Changed(*ifindex);
            state.changes += announcements.iter().filter(about).count() as u64;
        }
    }

    fn list(&self) -> Result<Vec<Interface>, NetlinkError> {
        self.netlink.lock().unwrap_or_else(PoisonError::into_inner).interfaces()
    }

    /// Takes the namespace's interfaces up, and tells what changed unless this is the first time.
    fn take(&self, listed: Result<Vec<Interface>, NetlinkError>, states: &mut States, first: bool) {
        let interfaces = match listed {
            Ok(interfaces) => interfaces,
            Err(error) => {
                warn!("{}", in_full(&error));
                return;
            }
        };
        let now: HashMap<u32, _> = interfaces.into_iter().map(|seen| (seen.index, seen)).collect();
        for ((namespace, ifindex), state) in states.iter_mut().filter(|((ns, _), _)| *ns == self.namespace) {
            let seen = now.get(&ifindex.0);
            let (exists, up) = (seen.is_some(), seen.is_some_and(|seen| seen.up));
            if !first {
                tell(namespace, state, exists, up, seen.map(|seen| seen.name.as_str()));
            }
            (state.exists, state.up) = (exists, up);
        }
    }
}

fn tell(namespace: &NsName, before: &State, exists: bool, up: bool, name: Option<&str>) {
    let interface = &before.interface;
    match (before.exists, exists) {
        (true, false) => {
            warn!("{interface} in {namespace} is gone: deleted or moved by somebody else");
        }
        (true, true) if before.up && !up => warn!("{interface} in {namespace} was set down"),
        (_, true) if !before.up && up => info!("{interface} in {namespace} is up"),
        _ => {}
    }
    if let Some(name) = name.filter(|name| *name != interface.as_str()) {
        warn!("{interface} in {namespace} is now called {name}; it is still watched");
    }
}
