//! Follows the host: waits for events, reads again what they concern, and returns what changed.
//!
//! Events alone are never trusted: everything is read again when some were lost, and every 30 seconds. The caller's thread does
//! all of it.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::observer::{self, NamespaceEvent, NamespaceEvents};
use netmon_model::survey::{Change, Survey};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    DiscoverError, HostState, Selection, changes,
    daemon::Bells,
    moving::Moving,
    pending::{Pending, Work},
    settle::Settling,
    walk::walk,
};

/// How often everything is read, whatever the events say.
const RESYNC: Duration = Duration::from_secs(30);
/// How long the announcements of container daemons are collected before they are asked.
const BELL: Duration = Duration::from_millis(100);

/// The host, followed.
pub struct Discovery {
    host: HostState,
    events: NamespaceEvents,
    selection: Selection,
    pending: Pending,
    settling: Settling,
    moving: Moving,
    bells: Bells,
    /// When the daemons are to be asked. `None` if they have announced nothing.
    ring: Option<Instant>,
    survey: Survey,
    resync: Instant,
}

impl Discovery {
    /// Begins to listen, then reads everything: so nothing is missed between the two.
    ///
    /// # Errors
    ///
    /// Fails without `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` or `CAP_NET_BROADCAST`.
    pub fn open(selection: Selection) -> Result<Self, DiscoverError> {
        let (questions, events) = observer::open_with_events()?;
        let mut host = HostState::new(questions);
        host.read_everything();
        let (survey, now) = (host.survey(&selection), Instant::now());
        let mut settling = Settling::default();
        settling.accept(&survey, now);
        let bells = Bells::listen(&host.census);
        let resync = now + RESYNC;
        let (pending, moving) = (Pending::default(), Moving::default());
        Ok(Self { host, events, selection, pending, settling, moving, bells, ring: None, survey, resync })
    }

    /// Returns what was published last.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Returns what was published last as changes from nothing.
    #[must_use]
    pub fn initial(&self) -> Vec<Change> {
        changes::between(&Survey::default(), &self.survey)
    }

    /// Waits for changes, at most for `timeout`, and returns them. Returns none if nothing changed.
    ///
    /// # Errors
    ///
    /// Fails if events can no longer be read.
    pub fn next(&mut self, timeout: Duration) -> Result<Vec<Change>, DiscoverError> {
        let deadline = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            let wait = self.wait(now).min(deadline.saturating_duration_since(now));
            self.listen(wait)?;
            let changes = self.work();
            if !changes.is_empty() || Instant::now() >= deadline {
                return Ok(changes);
            }
        }
    }

    /// Returns how long nothing is due.
    fn wait(&self, now: Instant) -> Duration {
        let until = |due: Instant| due.saturating_duration_since(now);
        let due = [
            self.pending.wait(now),
            self.settling.wait(now),
            self.moving.wait(now),
            self.host.fading.wait(now),
            self.ring.map(until),
        ];
        due.into_iter().flatten().fold(until(self.resync), Duration::min)
    }

    /// Waits for events and notes them.
    fn listen(&mut self, wait: Duration) -> Result<(), DiscoverError> {
        let failed = DiscoverError::Events;
        let timeout = Timespec::try_from(wait).map_err(|e| failed(std::io::Error::other(e)))?;
        let sources = std::iter::once(self.events.as_fd()).chain(self.bells.descriptors());
        let mut sources: Vec<PollFd<'_>> = sources.map(readable).collect();
        match poll(&mut sources, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let now = Instant::now();
        for event in self.events.next(Duration::ZERO).map_err(failed)? {
            self.pending.note(event, &self.host.table, now);
            if let NamespaceEvent::Ended(nsid) = event {
                self.host.forget(nsid);
            }
        }
        if self.bells.have_rung() {
            self.ring.get_or_insert(now + BELL);
        }
        Ok(())
    }

    /// Does what is due, and returns what changed.
    fn work(&mut self) -> Vec<Change> {
        let now = Instant::now();
        let work = if now >= self.resync { Some(Work::Everything) } else { self.pending.take(now) };
        let is_over = |wait: Option<Duration>| wait.is_some_and(|wait| wait.is_zero());
        let is_settling = is_over(self.settling.wait(now)) || is_over(self.host.fading.wait(now));
        let has_rung = self.ring.is_some_and(|due| now >= due);
        let mut resynced = Vec::new();
        match work {
            Some(Work::Everything) => resynced.extend(self.resync(now)),
            Some(Work::List(dirty)) => {
                walk(&mut self.host.questions, dirty, &mut self.host.table);
                if is_settling || has_rung || self.host.has_strangers() {
                    self.host.read_census();
                }
            }
            // A container that joins another's network causes no event of the kernel's.
            None if is_settling || has_rung => self.host.read_census(),
            None if is_over(self.moving.wait(now)) => {}
            None => return Vec::new(),
        }
        self.ring = self.ring.filter(|_| !has_rung);
        self.bells.listen_again(&self.host.census);
        resynced.extend(self.publish());
        resynced
    }

    /// Reads everything. Returns a change only if events were lost: a walk that was due is no news.
    fn resync(&mut self, now: Instant) -> Option<Change> {
        let were_lost = now < self.resync;
        self.pending = Pending::default();
        self.host.read_everything();
        self.resync = now + RESYNC;
        were_lost.then_some(Change::Resynced { were_lost })
    }

    fn publish(&mut self) -> Vec<Change> {
        let (mut survey, now) = (self.host.survey(&self.selection), Instant::now());
        self.settling.hold_back(&mut survey, now);
        self.moving.keep(&self.survey, &mut survey, now);
        let changes = changes::between(&self.survey, &survey);
        self.survey = survey;
        changes
    }
}

fn readable(descriptor: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(descriptor, PollFlags::IN)
}
