//! One subscription for each namespace and one to the names of namespaces, and one thread for all of them.
//!
//! Namespaces are added and removed one by one. A subscription holds its namespace alive, so a namespace that is about to
//! be removed is released first: [`Follower::release`] returns when nothing here holds it any more.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

use log::warn;
use netmon_kernel::{
    netlink::{
        Netlink, NetlinkError,
        link::{Interface, ONE_BY_ONE},
        watch::{LinkEvent, LinkWatch},
    },
    netns::{NetNs, NetnsId, name_watch::NameWatch, names},
};
use netmon_model::{
    error::chain,
    names::{IfIndex, NsName},
};
use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, epoll, eventfd},
    io::Errno,
};

use super::{Interfaces, Listed};

/// Maximum number of readings in a row while a namespace keeps changing.
const ROUNDS: usize = 8;

/// What events are about: the end, names, or the subscription of this number.
const STOP: u64 = 0;
const NAMES: u64 = 1;

/// Where changes are reported.
pub(crate) trait Observer: Send + Sync + 'static {
    /// Gives access to the known state. The follower calls it without holding a lock.
    fn with_interfaces(&self, work: &mut dyn FnMut(&mut Interfaces));
}

/// Follows the interfaces of any number of namespaces for as long as it lives.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    stop: OwnedFd,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    epoll: OwnedFd,
    subscriptions: Mutex<Subscriptions>,
}

#[derive(Default)]
struct Subscriptions {
    by_netns: HashMap<NetnsId, (u64, Arc<Subscription>)>,
    by_key: HashMap<u64, Arc<Subscription>>,
    latest_key: u64,
}

/// The sockets of one namespace: for its announcements, and to read its interfaces with.
pub(crate) struct Subscription {
    netns: NetnsId,
    namespace: NsName,
    /// `None` once the namespace was released.
    sockets: Mutex<Option<Sockets>>,
}

struct Sockets {
    watch: LinkWatch,
    netlink: Netlink,
}

impl Follower {
    /// Starts the thread, which reports to `observer` as long as that is there.
    pub(crate) fn start(observer: Weak<dyn Observer>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        add(&epoll, stop.as_fd(), STOP)?;
        let names = NameWatch::open().unwrap_or_else(|error| {
            // Inotify instances are limited per user. Without one, interfaces are followed and names are not.
            warn!("deleted names of namespaces go unnoticed: {error}");
            None
        });
        if let Some(names) = &names {
            add(&epoll, names.as_fd(), NAMES)?;
        }
        let shared = Arc::new(Shared { epoll, subscriptions: Mutex::default() });
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("links".to_owned())
                .spawn(move || shared.follow(names.as_ref(), &observer))?
        };
        Ok(Self { shared, stop, thread: Some(thread) })
    }

    /// Subscribes to a namespace, unless it is subscribed to already.
    pub(crate) fn subscribe(&self, netns: &NetNs, name: &NsName) -> io::Result<Arc<Subscription>> {
        let id = netns.identity();
        if let Some(there) = self.subscription(id) {
            return Ok(there);
        }
        let open = || Ok((LinkWatch::open()?, Netlink::open().map_err(io::Error::other)?));
        let (watch, netlink) =
            netns.run(open).map_err(io::Error::other).and_then(|opened: io::Result<_>| opened)?;
        let mut subscriptions = self.shared.lock();
        subscriptions.latest_key += 1;
        let key = NAMES + subscriptions.latest_key;
        add(&self.shared.epoll, watch.as_fd(), key)?;
        let subscription = Arc::new(Subscription {
            netns: id,
            namespace: name.clone(),
            sockets: Mutex::new(Some(Sockets { watch, netlink })),
        });
        subscriptions.by_netns.insert(id, (key, Arc::clone(&subscription)));
        subscriptions.by_key.insert(key, Arc::clone(&subscription));
        Ok(subscription)
    }

    /// Returns the subscription to a namespace, if there is one.
    pub(crate) fn subscription(&self, netns: NetnsId) -> Option<Arc<Subscription>> {
        self.shared.lock().by_netns.get(&netns).map(|(_, there)| Arc::clone(there))
    }

    /// Ends the subscription to a namespace. Waits for a running audit or reading there, so the caller must not hold a lock
    /// that these take.
    pub(crate) fn release(&self, netns: NetnsId) {
        let subscription = {
            let mut subscriptions = self.shared.lock();
            let removed = subscriptions.by_netns.remove(&netns);
            removed.and_then(|(key, _)| subscriptions.by_key.remove(&key))
        };
        if let Some(subscription) = subscription {
            // A closed socket is no longer polled.
            drop(subscription.sockets().take());
        }
    }

    /// Ends every subscription: see [`Self::release`].
    pub(crate) fn release_all(&self) {
        let all: Vec<NetnsId> = self.shared.lock().by_netns.keys().copied().collect();
        all.into_iter().for_each(|netns| self.release(netns));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // An eventfd accepts eight bytes, and one write cannot fill it.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // The observer may drop the last owner on this very thread.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn add(epoll: &OwnedFd, fd: std::os::fd::BorrowedFd<'_>, key: u64) -> io::Result<()> {
    let data = epoll::EventData::new_u64(key);
    Ok(epoll::add(epoll, fd, data, epoll::EventFlags::IN)?)
}

impl Shared {
    /// A panic while the lock was held leaves the subscriptions valid.
    fn lock(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the subscriptions to the namespaces of these names; all if `names` is `None`.
    fn of_names(&self, names: Option<&HashSet<String>>) -> Vec<Arc<Subscription>> {
        let is_concerned =
            |one: &&Arc<Subscription>| names.is_none_or(|names| names.contains(one.namespace.as_str()));
        self.lock().by_key.values().filter(is_concerned).map(Arc::clone).collect()
    }

    fn follow(&self, names: Option<&NameWatch>, observer: &Weak<dyn Observer>) {
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => {
                    warn!("cannot follow the state of interfaces any more: {error}");
                    return;
                }
            }
            for event in &events {
                let Some(observer) = observer.upgrade() else { return };
                match event.data.u64() {
                    STOP => return,
                    NAMES => {
                        let changed = names.and_then(NameWatch::changed);
                        let concerned = self.of_names(changed.as_ref());
                        concerned.iter().for_each(|one| one.check_name(observer.as_ref()));
                    }
                    key => {
                        let one = self.lock().by_key.get(&key).map(Arc::clone);
                        one.inspect(|one| one.refresh(observer.as_ref()));
                    }
                }
            }
        }
    }
}

/// Reads these interfaces, and the bridges that they are ports of.
fn one_by_one(
    netlink: &mut Netlink,
    interfaces: impl IntoIterator<Item = IfIndex>,
) -> Result<Vec<Interface>, NetlinkError> {
    let mut found: Vec<Interface> = Vec::new();
    for index in interfaces {
        let Some(interface) = netlink.interface(index)? else { continue };
        let bridge = interface.controller.filter(|bridge| found.iter().all(|one| one.index != *bridge));
        found.push(interface);
        if let Some(bridge) = bridge {
            found.extend(netlink.interface(IfIndex(bridge))?);
        }
    }
    Ok(found)
}

impl Listed {
    /// Reads the interfaces that were announced, or all if these are many or an announcement was lost.
    fn read(netlink: &mut Netlink, announced: &[LinkEvent]) -> Result<Self, NetlinkError> {
        let subjects: Option<BTreeSet<IfIndex>> = announced.iter().map(LinkEvent::subject).collect();
        match subjects {
            Some(subjects) if subjects.len() <= ONE_BY_ONE => {
                let interfaces = one_by_one(netlink, subjects.iter().copied())?;
                Ok(Self { interfaces, subjects: Some(subjects) })
            }
            _ => Ok(Self { interfaces: netlink.interfaces()?, subjects: None }),
        }
    }
}

impl Subscription {
    fn sockets(&self) -> MutexGuard<'_, Option<Sockets>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the socket to this namespace. Returns `None` if the namespace was released.
    pub(crate) fn with_netlink<T>(&self, work: impl FnOnce(&mut Netlink) -> T) -> Option<T> {
        self.sockets().as_mut().map(|sockets| work(&mut sockets.netlink))
    }

    /// Reads these interfaces, and the bridges that they are ports of.
    pub(crate) fn read(&self, interfaces: &[IfIndex]) -> Result<Vec<Interface>, NetlinkError> {
        let read = |netlink: &mut Netlink| match interfaces.len() {
            0..=ONE_BY_ONE => one_by_one(netlink, interfaces.iter().copied()),
            _ => netlink.interfaces(),
        };
        self.with_netlink(read).unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Reads what was announced here, and how interfaces are now.
    ///
    /// What is announced of foreign interfaces is dropped before anything is listed: there may be thousands of them.
    fn refresh(&self, observer: &dyn Observer) {
        // The list has the state, the announcements say that something changed. An interface may be missing in the list
        // before the kernel announces where it was moved, so the list is read last.
        let (mut announced, mut listed) = (Vec::new(), None);
        for _ in 0..=ROUNDS {
            let more = self.announced(observer);
            if more.is_empty() {
                break;
            }
            announced.extend(more);
            listed = self.with_netlink(|netlink| Listed::read(netlink, &announced));
        }
        let Some(listed) = listed else { return };
        if let Err(error) = &listed {
            warn!("{}", chain(error));
        }
        let listed = listed.ok();
        observer
            .with_interfaces(&mut |interfaces| interfaces.announced(self.netns, &announced, listed.as_ref()));
    }

    /// Returns what was announced of watched interfaces since the last call.
    fn announced(&self, observer: &dyn Observer) -> Vec<LinkEvent> {
        let next = |sockets: &Sockets| sockets.watch.next(Duration::ZERO).unwrap_or_default();
        let mut announced = self.sockets().as_ref().map(next).unwrap_or_default();
        observer.with_interfaces(&mut |interfaces| {
            announced.retain(|event| interfaces.is_about_watched(self.netns, event));
        });
        announced
    }

    /// Checks whether the namespace's name still refers to it.
    fn check_name(&self, observer: &dyn Observer) {
        if self.namespace.is_root() {
            return;
        }
        let leads_here = names::refers_to(&self.namespace, self.netns) == Some(true);
        observer.with_interfaces(&mut |interfaces| interfaces.named(self.netns, leads_here));
    }
}
