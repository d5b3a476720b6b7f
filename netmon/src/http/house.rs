//! Which connections a server has, and which one is closed for a newcomer. Plain data: the time is an argument.
//!
//! A full house closes the connection that has been idle for longest, so that clients that only hold connections keep no
//! other out. A connection that is being answered is never closed, unless its client takes none of the answer. Clients
//! are told apart by their [`Peer`]: the one with the most connections gives one up first, and a client of another
//! machine never has more than half of all.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::Limits;

/// An answer of which the client has taken nothing for this long no longer protects its connection.
pub(super) const STALLED: Duration = Duration::from_millis(500);
/// A connection that has been idle for less is not closed: its request may be on the way.
///
/// It also bounds what clients cost that connect again and again: a full house admits as many as it has places in this time.
pub(super) const GRACE: Duration = Duration::from_millis(50);
/// Newcomers wait this long while every connection is being answered. After that they are refused at once. Longer than
/// any of the times above, so that they are only refused if waiting is of no use.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// Connections that are being closed and may still finish what they have begun, for each place. They finish soon unless their
/// clients are slow.
const LEAVING: usize = 4;

/// A client, as far as clients can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A program of this host, over loopback: whose it is cannot be seen.
    Local,
    /// Another machine, or a namespace.
    Address(IpAddr),
    /// A user of this host, over a unix socket.
    User(u32),
}

impl Peer {
    /// Returns the peer at the other end of a TCP connection.
    pub(crate) fn at(address: IpAddr) -> Self {
        let address = address.to_canonical();
        if address.is_loopback() { Self::Local } else { Self::Address(address) }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// No request has been received completely since then.
    Idle(Instant),
    /// A request is being answered.
    Answering,
    /// It is a stream. It does not count as a connection.
    Stream,
    /// It is being closed. It does not count any more.
    Leaving,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    activity: Activity,
    /// Since when the client has taken nothing of what is to be sent. `None` if nothing waits to be sent.
    stalled: Option<Instant>,
}

impl Entry {
    fn counts(&self) -> bool {
        matches!(self.activity, Activity::Idle(_) | Activity::Answering)
    }

    /// Returns since when the connection has been of no use, and how long that protects it. `None` if it is of use.
    fn useless(&self) -> Option<(Instant, Duration)> {
        match (self.activity, self.stalled) {
            (Activity::Idle(since), None) => Some((since, GRACE)),
            (Activity::Idle(_) | Activity::Answering, Some(since)) => Some((since, STALLED)),
            _ => None,
        }
    }

    /// Returns since when the connection could be closed for another. `None` if it cannot be at this time.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        self.useless().filter(|(since, time)| now.duration_since(*since) >= *time).map(|(since, _)| since)
    }
}

/// The number of a connection.
pub(super) type Id = u64;

/// What becomes of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is admitted under this number. The other connection is to be closed.
    Admitted(Id, Option<Id>),
    /// Every connection is being answered: to be asked again when something has changed, or at this time.
    Wait(Instant),
    /// There is no place.
    Refused,
}

/// The connections of a server.
#[derive(Debug)]
pub(super) struct House {
    connections: usize,
    streams: usize,
    next: Id,
    entries: HashMap<Id, Entry>,
    /// Since when newcomers find no place. `None` if the last one was admitted.
    jammed: Option<Instant>,
}

impl House {
    pub(super) fn new(limits: &Limits) -> Self {
        let Limits { connections, streams, .. } = *limits;
        Self { connections, streams, next: 0, entries: HashMap::new(), jammed: None }
    }

    /// Admits a newcomer if there is room. Closes nothing.
    pub(super) fn take(&mut self, peer: Peer, now: Instant) -> Option<Id> {
        (self.count(|_| true) < self.connections).then(|| self.add(peer, now))
    }

    /// Decides about a newcomer.
    pub(super) fn admit(&mut self, peer: Peer, now: Instant) -> Verdict {
        let is_alone = matches!(peer, Peer::Address(_)) && self.of(peer) >= self.share();
        if !is_alone && let Some(id) = self.take(peer, now) {
            return Verdict::Admitted(id, None);
        }
        let is_candidate = |entry: &Entry| !is_alone || entry.peer == peer;
        if let Some(idlest) = self.idlest(is_candidate, now) {
            self.leave(idlest);
            return Verdict::Admitted(self.add(peer, now), Some(idlest));
        }
        let since = *self.jammed.get_or_insert(now);
        // A peer that has its share waits for itself only, and newcomers behind it must not wait for that.
        if is_alone || now.duration_since(since) >= PATIENCE {
            return Verdict::Refused;
        }
        Verdict::Wait(self.next_change(now).min(since + PATIENCE))
    }

    /// The most connections of one other machine.
    fn share(&self) -> usize {
        self.connections.div_ceil(2)
    }

    fn add(&mut self, peer: Peer, now: Instant) -> Id {
        self.jammed = None;
        self.next += 1;
        let entry = Entry { peer, activity: Activity::Idle(now), stalled: None };
        self.entries.insert(self.next, entry);
        self.next
    }

    fn count(&self, which: impl Fn(&Entry) -> bool) -> usize {
        self.entries.values().filter(|entry| entry.counts() && which(entry)).count()
    }

    fn of(&self, peer: Peer) -> usize {
        self.count(|entry| entry.peer == peer)
    }

    /// Returns the connection to close: of the peers with the most connections, the one that has been idle for longest.
    fn idlest(&self, is_candidate: impl Fn(&Entry) -> bool, now: Instant) -> Option<Id> {
        let mut held = HashMap::new();
        for entry in self.entries.values().filter(|entry| entry.counts()) {
            *held.entry(entry.peer).or_insert(0_usize) += 1;
        }
        let rank = |(id, entry): (&Id, &Entry)| {
            let since = entry.idle_since(now).filter(|_| is_candidate(entry))?;
            Some((usize::MAX - held.get(&entry.peer).copied().unwrap_or_default(), since, *id))
        };
        self.entries.iter().filter_map(rank).min().map(|(_, _, id)| id)
    }

    /// Returns when the next connection can be closed if no client sends or takes anything.
    fn next_change(&self, now: Instant) -> Instant {
        let unprotected = |entry: &Entry| entry.useless().map(|(since, time)| since + time);
        self.entries.values().filter_map(unprotected).min().unwrap_or(now + PATIENCE)
    }

    fn leave(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.activity = Activity::Leaving;
        }
    }

    /// Notes that a request was received.
    pub(super) fn begin(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.counts()) {
            entry.activity = Activity::Answering;
        }
    }

    /// Notes that a request was answered. Returns whether the connection is to be closed, because a newcomer waits.
    pub(super) fn end(&mut self, id: Id, now: Instant) -> bool {
        let is_awaited = self.jammed.is_some_and(|since| now.duration_since(since) < PATIENCE);
        match self.entries.get_mut(&id) {
            Some(entry) if entry.activity == Activity::Answering => {
                entry.activity = if is_awaited { Activity::Leaving } else { Activity::Idle(now) };
                is_awaited
            }
            _ => false,
        }
    }

    /// Notes since when the client takes nothing. `None` if it does.
    pub(super) fn stall(&mut self, id: Id, since: Option<Instant>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stalled = since;
        }
    }

    /// Makes a connection a stream. Returns whether it is one.
    pub(super) fn become_stream(&mut self, id: Id) -> bool {
        let is_stream = |entry: &&Entry| entry.activity == Activity::Stream;
        let is_full = self.entries.values().filter(is_stream).count() >= self.streams;
        match self.entries.get_mut(&id) {
            Some(entry) if entry.activity == Activity::Stream => true,
            Some(entry) if entry.activity != Activity::Leaving && !is_full => {
                entry.activity = Activity::Stream;
                true
            }
            _ => false,
        }
    }

    /// Returns whether connections that are to be closed may finish what they have begun: a bounded number of them does.
    pub(super) fn may_finish(&self) -> bool {
        let leaving = self.entries.values().filter(|entry| entry.activity == Activity::Leaving).count();
        leaving <= LEAVING * self.connections
    }

    /// Removes a connection that has ended.
    pub(super) fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(connections: usize) -> House {
        House::new(&Limits { connections, streams: 2, ..Limits::default() })
    }

    fn far(last: u8) -> Peer {
        Peer::at(IpAddr::from([192, 0, 2, last]))
    }

    /// Admits one, and returns its number.
    fn admitted(house: &mut House, peer: Peer, now: Instant) -> Id {
        match house.admit(peer, now) {
            Verdict::Admitted(id, None) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_house_closes_the_connection_that_has_been_idle_for_longest() {
        let (mut house, start) = (house(3), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let [first, second, third] = [0, 1, 2].map(|ms| admitted(&mut house, Peer::Local, at(ms)));
        house.begin(first);
        assert!(!house.end(first, at(3)));
        house.begin(third);
        let Verdict::Admitted(fourth, Some(closed)) = house.admit(Peer::Local, at(200)) else { panic!() };
        assert_eq!(closed, second, "the first was answered later, and the third is being answered");
        assert_eq!(house.admit(Peer::Local, at(201)), Verdict::Admitted(fourth + 1, Some(first)));
        // The fourth and the fifth may be about to send their requests.
        assert_eq!(house.admit(Peer::Local, at(202)), Verdict::Wait(at(200) + GRACE));
    }

    #[test]
    fn a_connection_that_is_being_answered_is_closed_only_if_its_client_takes_nothing() {
        let (mut house, start) = (house(1), Instant::now());
        let busy = admitted(&mut house, Peer::Local, start);
        house.begin(busy);
        assert_eq!(house.admit(Peer::Local, start), Verdict::Wait(start + PATIENCE));
        house.stall(busy, Some(start));
        assert_eq!(house.admit(Peer::Local, start), Verdict::Wait(start + STALLED));
        let late = start + STALLED;
        assert_eq!(house.admit(Peer::Local, late), Verdict::Admitted(busy + 1, Some(busy)));
    }

    #[test]
    fn the_next_answer_that_is_complete_makes_room_for_a_newcomer_that_waits() {
        let (mut house, start) = (house(1), Instant::now());
        let busy = admitted(&mut house, Peer::Local, start);
        house.begin(busy);
        assert!(matches!(house.admit(Peer::Local, start), Verdict::Wait(_)));
        assert!(house.end(busy, start), "it is to be closed");
        assert_eq!(house.admit(Peer::Local, start), Verdict::Admitted(busy + 1, None));
        house.begin(busy + 1);
        assert!(!house.end(busy + 1, start), "none waits any more");
    }

    #[test]
    fn newcomers_are_refused_at_once_when_none_was_admitted_for_a_while() {
        let (mut house, start) = (house(1), Instant::now());
        let busy = admitted(&mut house, Peer::Local, start);
        house.begin(busy);
        assert!(matches!(house.admit(Peer::Local, start), Verdict::Wait(_)));
        for newcomer in 0..3 {
            assert_eq!(house.admit(Peer::Local, start + PATIENCE), Verdict::Refused, "{newcomer}");
        }
        house.remove(busy);
        assert!(matches!(house.admit(Peer::Local, start + PATIENCE), Verdict::Admitted(_, None)));
    }

    #[test]
    fn another_machine_has_half_of_the_connections_at_most_and_closes_its_own_first() {
        let (mut house, start) = (house(4), Instant::now());
        let [first, second] = [0; 2].map(|_| admitted(&mut house, far(1), start));
        house.begin(second);
        let later = start + GRACE;
        assert_eq!(house.admit(far(1), later), Verdict::Admitted(second + 1, Some(first)));
        house.begin(second + 1);
        assert_eq!(house.admit(far(1), later), Verdict::Refused, "both are being answered");
        assert!(matches!(house.admit(far(2), later), Verdict::Admitted(_, None)));
    }

    #[test]
    fn the_peer_with_the_most_connections_gives_one_up() {
        let (mut house, start) = (house(4), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let prometheus = admitted(&mut house, far(9), at(0));
        let crowd = [1, 2, 3].map(|ms| admitted(&mut house, Peer::Local, at(ms)));
        let Verdict::Admitted(_, closed) = house.admit(far(8), at(200)) else { panic!() };
        assert_eq!(closed, Some(crowd[0]), "not {prometheus}, which is idle for longer");
    }

    #[test]
    fn a_stream_takes_no_place_of_a_connection() {
        let (mut house, now) = (house(1), Instant::now());
        let mut streams = Vec::new();
        for _ in 0..2 {
            let id = house.take(Peer::Local, now).unwrap();
            assert!(house.take(Peer::Local, now).is_none(), "one connection at a time");
            assert!(house.become_stream(id) && house.become_stream(id));
            streams.push(id);
        }
        let connection = house.take(Peer::Local, now).unwrap();
        assert!(!house.become_stream(connection), "no place for a third stream");
        assert!(house.take(Peer::Local, now).is_none(), "it is still a connection");
        house.remove(streams[0]);
        assert!(house.become_stream(connection));
    }
}
