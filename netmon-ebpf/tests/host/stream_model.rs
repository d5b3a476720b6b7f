//! Random connections against a slow, obviously right model: which bytes of each direction have passed.
//!
//! The programs remember three holes a direction, and the model remembers every byte. As long as there are no more
//! holes, both have to agree. With more holes, the programs may call a repeated segment a late one, but never the other
//! way round.
//!
//! A failure prints the seed of its connection. `NETMON_TEST_SEED` repeats it.

use std::{env, fmt::Write as _, time::SystemTime};

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::TcpEvent,
    tcp::{HOLES, Segment},
};

use crate::{
    numbers::Numbers,
    packets::flag::{ACK, FIN, PSH, RST},
    tcp::{Connection, Found, ack, segment, syn, syn_ack},
};

const CONNECTIONS: u64 = if cfg!(miri) { 100 } else { 100_000 };
/// Segments of a connection after its handshake.
const SEGMENTS: usize = 24;
/// Where the data of a connection begins that is older than its entry.
const MIDDLE: usize = 60;
/// More than the segments of a connection can reach.
const SPAN: usize = MIDDLE + SEGMENTS * 48 + 1;

/// One direction. Positions count from the sequence number `base`.
struct Direction {
    base: u32,
    is_known: bool,
    passed: Vec<bool>,
    /// One past the highest position that has passed.
    end: usize,
    acked: usize,
    has_zero_window: bool,
    /// One past the position of the FIN, once the sender has chosen it.
    fin: Option<usize>,
    has_fin: bool,
    is_fin_acked: bool,
    was_reset: bool,
    /// There were once more holes than the programs remember.
    is_overfull: bool,
    latest: Option<(usize, usize, usize, bool)>,
}

impl Direction {
    fn new(base: u32) -> Self {
        Self {
            base,
            is_known: false,
            passed: vec![false; SPAN],
            end: MIDDLE,
            acked: 0,
            has_zero_window: false,
            fin: None,
            has_fin: false,
            is_fin_acked: false,
            was_reset: false,
            is_overfull: false,
            latest: None,
        }
    }

    fn seq(&self, position: usize) -> u32 {
        self.base.wrapping_add(position as u32)
    }

    /// Begins with a SYN.
    fn begin(&mut self) {
        (self.is_known, self.passed[0], self.end) = (true, true, 1);
    }

    /// Passes a segment. Returns how many segments of it are repeated, and how many are late.
    fn pass(&mut self, start: usize, payload: usize, segments: usize, fin: bool) -> (u32, u32) {
        let end = start + payload + usize::from(fin);
        if !self.is_known {
            (self.is_known, self.acked, self.end) = (true, start, start);
        }
        let repeats_last = payload == 1 && !fin && end == self.end;
        if repeats_last && (self.acked == self.end || self.has_zero_window) {
            return (0, 0);
        }
        let repeated = (start..end).filter(|&position| self.passed[position]).count();
        let late = (start..end).filter(|&position| position < self.end && !self.passed[position]).count();
        self.passed[start..end].fill(true);
        self.end = self.end.max(end);
        self.has_fin |= fin;
        self.is_overfull |= self.holes() > HOLES;
        let size = payload.div_ceil(segments).max(1);
        let repeated = repeated.div_ceil(size).min(segments);
        (repeated as u32, late.div_ceil(size).min(segments - repeated) as u32)
    }

    fn holes(&self) -> usize {
        let below = &self.passed[..self.end];
        let begins = |position: usize| !below[position] && (position == 0 || below[position - 1]);
        (0..self.end).filter(|&position| begins(position)).count()
    }

    /// Chooses a segment: its start, payload, number of segments, and whether it has the FIN.
    fn choose(&mut self, numbers: &mut Numbers) -> (usize, usize, usize, bool) {
        if let Some(latest) = self.latest.filter(|_| numbers.chance(10)) {
            return latest;
        }
        let limit = self.fin.map_or(usize::MAX, |fin| fin - 1);
        let start = match numbers.below(10) {
            0..5 => self.end,
            5..8 => self.end.saturating_sub(1 + numbers.below(50)).max(1),
            _ => self.end + 1 + numbers.below(20),
        };
        let start = start.min(limit);
        let length = if numbers.chance(20) { 1 } else { numbers.below(24) };
        let payload = length.min(limit - start);
        if self.fin.is_none() && start >= self.end && numbers.chance(8) {
            self.fin = Some(start + payload + 1);
        }
        let fin = self.fin == Some(start + payload + 1);
        let segments = 1 + numbers.below(6).min(payload.saturating_sub(1));
        self.latest = Some((start, payload, segments, fin));
        (start, payload, segments, fin)
    }
}

/// Both directions, and what was expected to happen.
struct Model {
    /// By hook.
    directions: [Direction; 2],
    has_ended: bool,
    events: Vec<TcpEvent>,
}

impl Model {
    /// Accounts for the acknowledgment number and window of a segment at `hook`.
    fn acknowledge(&mut self, hook: usize, position: usize, window: u16) {
        let other = &mut self.directions[1 - hook];
        other.has_zero_window = window == 0;
        if other.is_known && position <= other.end {
            other.acked = other.acked.max(position);
        }
        other.is_fin_acked |= other.is_known && other.has_fin && position == other.end;
        if self.directions.iter().all(|direction| direction.is_fin_acked) && !self.has_ended {
            self.has_ended = true;
            self.events.push(TcpEvent::Closed);
        }
    }

    fn reset(&mut self, hook: usize, seq: u32) {
        let direction = &mut self.directions[hook];
        let is_accepted = !direction.is_known
            || seq == direction.seq(direction.end)
            || seq == direction.seq(direction.acked);
        if is_accepted && !self.has_ended {
            (self.has_ended, direction.was_reset) = (true, true);
            self.events.push(TcpEvent::Reset);
        }
    }

    fn revive(&mut self, hook: usize) {
        if self.directions[hook].was_reset {
            self.has_ended = false;
            self.directions.iter_mut().for_each(|direction| direction.was_reset = false);
        }
    }
}

/// A connection as the programs see it, beside the model, and a log of what passed.
struct Pair {
    connection: Connection,
    model: Model,
    events: Vec<TcpEvent>,
    log: String,
}

impl Pair {
    fn new(numbers: &mut Numbers) -> Self {
        let mut near_wrap = || (numbers.next() as u32 % 400).wrapping_sub(200);
        let directions = [Direction::new(near_wrap()), Direction::new(near_wrap())];
        let model = Model { directions, has_ended: false, events: Vec::new() };
        let mut pair =
            Self { connection: Connection::default(), model, events: Vec::new(), log: String::new() };
        if numbers.chance(70) {
            pair.open(if numbers.chance(50) { EGRESS } else { INGRESS });
        }
        pair
    }

    fn open(&mut self, client: usize) {
        let [ours, theirs] = [client, 1 - client].map(|hook| self.model.directions[hook].base);
        self.pass(syn(client, ours));
        self.pass(syn_ack(1 - client, theirs, ours.wrapping_add(1)));
        self.pass(ack(client, ours.wrapping_add(1), theirs.wrapping_add(1)));
        self.model.directions.iter_mut().for_each(Direction::begin);
        self.model.directions[1 - client].acked = 1;
        self.model.events.push(TcpEvent::Opened);
    }

    /// Passes a segment. Returns how many segments were found to be repeated, and how many late.
    fn pass(&mut self, segment: Segment) -> (u32, u32) {
        let _ = writeln!(self.log, "{segment:?}");
        let (mut repeated, mut late) = (0, 0);
        for found in self.connection.pass(1, segment) {
            match found {
                Found::Event(event) => self.events.push(event),
                Found::Retransmits(_, segments) => repeated = segments,
                Found::Reordered(_, segments) => late = segments,
                Found::RoundTrip(..) | Found::Unsure(_) => {}
            }
        }
        (repeated, late)
    }

    /// One random segment, in both.
    fn step(&mut self, numbers: &mut Numbers) {
        let hook = if numbers.chance(50) { EGRESS } else { INGRESS };
        let other = &self.model.directions[1 - hook];
        let acked = if numbers.chance(60) {
            other.end
        } else {
            other.acked + numbers.below(other.end + 3 - other.acked)
        };
        let (number, window) = (other.seq(acked), if numbers.chance(10) { 0 } else { 500 });
        match numbers.below(20) {
            0 => self.reset(hook, numbers),
            1..6 if self.connection.flow.is_some() => {
                self.model.acknowledge(hook, acked, window);
                let direction = &self.model.directions[hook];
                let empty = Segment { window, ..ack(hook, direction.seq(direction.end), number) };
                assert_eq!(self.pass(empty), (0, 0), "an acknowledgment");
            }
            _ => self.data(hook, acked, Segment { window, ..ack(hook, 0, number) }, numbers),
        }
    }

    fn reset(&mut self, hook: usize, numbers: &mut Numbers) {
        if self.connection.flow.is_none() {
            return;
        }
        let direction = &self.model.directions[hook];
        let seq = match numbers.below(4) {
            0 | 1 => direction.seq(direction.end),
            2 => direction.seq(direction.acked),
            _ => direction.seq(direction.end + 1 + numbers.below(1_000_000)),
        };
        self.model.reset(hook, seq);
        self.pass(segment(hook, RST, seq, 0, 0));
    }

    fn data(&mut self, hook: usize, acked: usize, template: Segment, numbers: &mut Numbers) {
        let (start, payload, segments, fin) = self.model.directions[hook].choose(numbers);
        if payload == 0 && (!fin || self.connection.flow.is_none()) {
            return;
        }
        let is_first = self.connection.flow.is_none();
        self.model.acknowledge(hook, acked, template.window);
        let direction = &mut self.model.directions[hook];
        let is_new = start + payload + usize::from(fin) > direction.end || !direction.is_known;
        let seq = direction.seq(start);
        let expected = direction.pass(start, payload, segments, fin);
        let is_overfull = direction.is_overfull;
        if is_new && payload > 0 {
            self.model.revive(hook);
        }
        if is_first {
            self.model.events.push(TcpEvent::Found);
        }
        let flags = if fin { ACK | PSH | FIN } else { ACK | PSH };
        let (payload, segments) = (payload as u32, segments as u32);
        let found = self.pass(Segment { seq, flags, payload, segments, ..template });
        if is_overfull {
            assert!(found.0 <= expected.0, "{found:?} instead of at most {expected:?}");
        } else {
            assert_eq!(found, expected);
        }
    }
}

fn follow(seed: u64) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut pair = Pair::new(&mut numbers);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..SEGMENTS {
            pair.step(&mut numbers);
            assert_eq!(pair.events, pair.model.events);
        }
    }));
    assert!(outcome.is_ok(), "NETMON_TEST_SEED={seed} repeats this connection:\n{}", pair.log);
}

#[test]
fn random_connections_agree_with_a_model_that_remembers_every_byte() {
    if let Some(seed) = env::var("NETMON_TEST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return follow(seed);
    }
    let now = if cfg!(miri) {
        Ok(1)
    } else {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|now| now.as_micros() as u64)
    };
    let first = now.unwrap_or(1);
    for seed in first..first + CONNECTIONS {
        follow(seed);
    }
}
