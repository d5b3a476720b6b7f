//! How the lab's interfaces are: there, up, under their names, on their bridges. Told by the kernel when it changes,
//! never polled.
//!
//! One subscription a namespace and one to the names of namespaces, one thread for all of them. When something is
//! announced, that namespace's interfaces are listed anew. What somebody else does is told and nothing is done about
//! it: `netmon reload` makes the lab as its file has it.

mod subject;

use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use log::{info, warn};
use netmon_kernel::{
    netlink::{Netlink, NetlinkError, link::Interface, watch::LinkWatch},
    netns::{NetnsId, name_watch::NameWatch, names},
};
use netmon_model::{
    drift::Drift,
    error::chain,
    names::{IfIndex, NsName},
    snapshot::AttachMode,
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use self::subject::{Presence, Subject};
use crate::topology::Endpoint;

/// How often a namespace is listed in a row while it goes on changing.
const ROUNDS: usize = 8;

/// The sockets that the interfaces of each namespace are listed with. They hold their namespaces.
pub(crate) type Sockets = HashMap<NetnsId, Arc<Mutex<Netlink>>>;

/// The ends of links and the bridges, by the lab's name for their namespace.
type States = HashMap<NsName, HashMap<IfIndex, Subject>>;

/// How one end of a link is.
#[derive(Clone, Debug, Default)]
pub(crate) struct InterfaceState {
    /// Whether it is in its namespace.
    pub(crate) exists: bool,
    /// Whether it is there, and up.
    pub(crate) up: bool,
    /// Whether what was on its hooks went with it.
    pub(crate) hooks_gone: bool,
    /// What somebody else did to it.
    pub(crate) drift: Vec<Drift>,
}

/// Follows the lab's interfaces for as long as it lives.
pub(crate) struct LinkStates {
    states: Arc<Mutex<States>>,
    ends: HashSet<(NsName, IfIndex)>,
    mode: AttachMode,
    stop: OwnedFd,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// One namespace's subscription, and the socket to list its interfaces with. Both hold the namespace.
struct Followed {
    namespace: NsName,
    identity: NetnsId,
    watch: LinkWatch,
    netlink: Arc<Mutex<Netlink>>,
}

impl LinkStates {
    /// Follows the interfaces of `endpoints`, which programs are attached to like this, and the bridges that they are
    /// ports of. Its sockets may be shared.
    pub(crate) fn follow(endpoints: &[Endpoint], mode: AttachMode) -> io::Result<(Self, Sockets)> {
        let mut states = States::new();
        let mut namespaces: HashMap<NetnsId, &Endpoint> = HashMap::new();
        for endpoint in endpoints {
            namespaces.entry(endpoint.netns.identity()).or_insert(endpoint);
            let subject = Subject::new(endpoint.ifindex, endpoint.interface.clone());
            states.entry(endpoint.namespace.clone()).or_default().insert(endpoint.ifindex, subject);
        }
        let names = NameWatch::open().unwrap_or_else(|error| {
            // There is a limit to these for each user, and the interfaces are worth following without.
            warn!("names of namespaces that somebody deletes are not noticed: {error}");
            None
        });
        let followed = namespaces.into_values().map(Followed::new).collect::<io::Result<Vec<Followed>>>()?;
        for one in &followed {
            one.begin(&mut states);
        }
        let sockets = followed.iter().map(|one| (one.identity, Arc::clone(&one.netlink))).collect();
        let states = Arc::new(Mutex::new(states));
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let thread = {
            let (stop, states) = (stop.try_clone()?, Arc::clone(&states));
            thread::Builder::new()
                .name("links".to_owned())
                .spawn(move || follow_until(&stop, names.as_ref(), &followed, &states))?
        };
        let ends = endpoints.iter().map(|end| (end.namespace.clone(), end.ifindex)).collect();
        Ok((Self { states, ends, mode, stop, thread: Mutex::new(Some(thread)) }, sockets))
    }

    /// How an end is.
    pub(crate) fn of(&self, namespace: &NsName, ifindex: IfIndex) -> InterfaceState {
        let states = lock(&self.states);
        let Some(subject) = states.get(namespace).and_then(|there| there.get(&ifindex)) else {
            return InterfaceState { hooks_gone: true, ..InterfaceState::default() };
        };
        let exists = subject.presence == Presence::There;
        InterfaceState {
            exists,
            up: exists && subject.up,
            hooks_gone: self.hooks_gone(subject),
            drift: subject.drift(),
        }
    }

    /// A TCX program goes where its interface goes; a filter goes with the qdisc, which is made anew there.
    fn hooks_gone(&self, subject: &Subject) -> bool {
        match self.mode {
            AttachMode::Tcx => subject.presence == Presence::Deleted,
            AttachMode::Clsact => subject.was_away,
        }
    }

    /// How many changes of an interface were announced so far.
    pub(crate) fn changes(&self, namespace: &NsName, ifindex: IfIndex) -> u64 {
        let states = lock(&self.states);
        states.get(namespace).and_then(|there| there.get(&ifindex)).map_or(0, |subject| subject.changes)
    }

    /// How many ends took along what was on their hooks.
    pub(crate) fn without_hooks(&self) -> usize {
        let states = lock(&self.states);
        let subject = |(namespace, ifindex): &(NsName, IfIndex)| states.get(namespace)?.get(ifindex);
        self.ends.iter().filter_map(subject).filter(|subject| self.hooks_gone(subject)).count()
    }

    /// Begins to end the subscriptions; the states stay as they were.
    pub(crate) fn end(&self) -> Ending {
        // An eventfd takes eight bytes; it cannot be full after a few writes.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        Ending(self.thread.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

impl Drop for LinkStates {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// The end of the subscriptions, which has come when this is dropped.
///
/// That may take until an audit is through: it holds the socket that interfaces are listed with, and asks for the states
/// meanwhile. Whoever waits must hold nothing that an audit wants.
#[must_use]
pub(crate) struct Ending(Option<thread::JoinHandle<()>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// A panic while the lock was held leaves states that are as good as before.
fn lock(states: &Mutex<States>) -> MutexGuard<'_, States> {
    states.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow_until(stop: &OwnedFd, names: Option<&NameWatch>, followed: &[Followed], states: &Mutex<States>) {
    loop {
        let mut ready: Vec<PollFd<'_>> = vec![PollFd::new(stop, PollFlags::IN)];
        ready.extend(followed.iter().map(|one| PollFd::from_borrowed_fd(one.watch.as_fd(), PollFlags::IN)));
        ready.extend(names.map(|names| PollFd::from_borrowed_fd(names.as_fd(), PollFlags::IN)));
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
            one.look(states);
        }
        if let Some(names) =
            names.filter(|_| announced.len() > 1 + followed.len() && announced.last() == Some(&true))
        {
            names.clear();
            followed.iter().for_each(|one| one.look_at_name(states));
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

    fn list(&self) -> Result<Vec<Interface>, NetlinkError> {
        self.netlink.lock().unwrap_or_else(PoisonError::into_inner).interfaces()
    }

    /// How things are at first. Bridges that ends are ports of are followed as well.
    fn begin(&self, states: &mut States) {
        let Some(subjects) = states.get_mut(&self.namespace) else { return };
        let listed = match self.list() {
            Ok(listed) => listed,
            Err(error) => return warn!("{}", chain(&error)),
        };
        subjects.values_mut().for_each(|subject| subject.begin(&listed));
        let bridges: HashSet<u32> = subjects.values().filter_map(Subject::bridge).collect();
        for bridge in listed.iter().filter(|there| bridges.contains(&there.index)) {
            let Ok(name) = bridge.name.parse() else { continue };
            let mut subject = Subject::new(IfIndex(bridge.index), name);
            subject.begin(&listed);
            subjects.entry(subject.ifindex).or_insert(subject);
        }
    }

    /// Something was announced here.
    fn look(&self, states: &Mutex<States>) {
        // What was announced is seen in the list; that something was, is noted. An interface may be gone from the list
        // before it is announced where it went, so the list is the last that is read.
        let mut announced = self.watch.next(Duration::ZERO).unwrap_or_default();
        // Before the lock: whoever shares the socket may hold it, and wait for the states.
        let mut listed = self.list();
        for _ in 0..ROUNDS {
            let more = self.watch.next(Duration::ZERO).unwrap_or_default();
            if more.is_empty() {
                break;
            }
            announced.extend(more);
            listed = self.list();
        }
        self.update(states, |subject| {
            subject.note(&announced);
            if let Ok(listed) = &listed {
                subject.take(listed, &announced);
            }
        });
        if let Err(error) = listed {
            warn!("{}", chain(&error));
        }
    }

    /// A name came or went.
    fn look_at_name(&self, states: &Mutex<States>) {
        if self.namespace.is_root() {
            return;
        }
        let leads_here = names::leads_to(&self.namespace, self.identity) == Some(true);
        self.update(states, |subject| subject.unnamed = !leads_here);
    }

    /// Changes what is known of each interface here, and tells what is new.
    fn update(&self, states: &Mutex<States>, change: impl Fn(&mut Subject)) {
        let mut states = lock(states);
        for subject in states.get_mut(&self.namespace).into_iter().flat_map(HashMap::values_mut) {
            let before = subject.drift();
            change(subject);
            let (interface, namespace, after) = (&subject.interface, &self.namespace, subject.drift());
            for new in after.iter().filter(|new| !before.contains(new)) {
                warn!("{interface} in {namespace} {new}");
            }
            if after.is_empty() && !before.is_empty() {
                info!("{interface} in {namespace} is as it was");
            }
        }
    }
}
