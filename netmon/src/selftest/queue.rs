//! A queue of a known rate: how long it delays packets, and how many it drops when it is full.

use std::{
    io,
    net::UdpSocket,
    time::{Duration, Instant},
};

use netmon_kernel::netlink::{Netlink, tbf};
use netmon_model::{histogram::Histogram, impairment::TokenBucket, names::Side};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture},
    lab::TestLink,
    rounds::{Rounds, Timings},
    scorecard::Unit,
};
use crate::probe::Pinger;

/// One megabyte a second, so a millisecond for each datagram. The limit is half of what one socket may have in flight.
const BUCKET: TokenBucket = TokenBucket { rate: 1_000_000, burst: 2_000, limit: 50_000 };
/// Bytes of a datagram: 1,000 with its headers.
const PAYLOAD: usize = 958;
/// Datagrams in a packet train, and the number of trains.
const TRAIN: usize = 20;
const ROUNDS: usize = 9;
/// Echoes that queue, and the number of datagrams ahead of each.
const ECHOES: u16 = 20;
const AHEAD: usize = 12;
/// Datagrams that are far more than the queue holds.
const FLOOD: usize = 1_000;
/// Datagrams that wait while the queue stands still, and for how long it does.
const WAITING: usize = 30;
const STALL: Duration = Duration::from_secs(2);
/// Datagrams behind them, and the pause between two.
const WAKING: usize = 8;
const WAKING_PAUSE: Duration = Duration::from_millis(150);
/// The path between user space and the hook takes at most this long.
const PATH: Duration = Duration::from_micros(200);
/// Loss is reported once it is certain: a few epochs after the longest delay in the queue.
const CERTAIN: Duration = Duration::from_secs(4);

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    if !fixture.reading()?.features.packet_stamp {
        // Before Linux 5.18 neither one-way latency nor loss is measured.
        return Ok(());
    }
    let ifindex = fixture.end(TestLink::Queue, Side::A).ifindex;
    let mut netlink = fixture.netlink(Side::A)?;
    netlink.request(&tbf::add(ifindex, "queue", BUCKET))?;
    let failed = |source| SelftestError::Socket("send through a queue", source);
    let to = fixture.inside(Side::B, || UdpSocket::bind("10.98.2.2:0"))?.map_err(failed)?;
    let from = fixture.inside(Side::A, || UdpSocket::bind("10.98.2.1:0"))?.map_err(failed)?;
    from.connect(to.local_addr().map_err(failed)?).map_err(failed)?;
    to.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
    // The first datagram waits for neighbour discovery.
    train(&from, &to, 1, &mut Timings::default()).map_err(failed)?;
    one_way(fixture, &from, &to)?;
    echoes(fixture, &from, &to)?;
    let samples = fixture.link(TestLink::Queue)?;
    let packets = samples.a.hooks.egress.packets();
    fixture.add(Row::exact("lost behind a queue that only delays", Unit::Count, 0, lost(&samples), packets));
    let dropped_before = netlink.root_drops(ifindex)?.unwrap_or(0);
    flood(&from, &to).map_err(failed)?;
    let dropped = u64::from(netlink.root_drops(ifindex)?.unwrap_or(0).wrapping_sub(dropped_before));
    let counted = fixture.link_when(TestLink::Queue, CERTAIN, |link| lost(link) >= dropped)?;
    fixture.add(Row::exact(
        "lost in a queue that overflows",
        Unit::Count,
        dropped,
        lost(&counted),
        FLOOD as u64,
    ));
    stall(fixture, &mut netlink, &from, &to)
}

/// Lets the queue stand still with packets in it, and then deliver all of them.
fn stall(
    fixture: &mut Fixture<'_>,
    netlink: &mut Netlink,
    from: &UdpSocket,
    to: &UdpSocket,
) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("send through a queue", source);
    let ifindex = fixture.end(TestLink::Queue, Side::A).ifindex;
    let before = lost(&fixture.link(TestLink::Queue)?);
    netlink.request(&tbf::change(ifindex, "queue", TokenBucket { rate: 1, ..BUCKET }))?;
    (0..WAITING).try_for_each(|_| from.send(&[7; PAYLOAD]).map(drop)).map_err(failed)?;
    fixture.pause(STALL)?;
    let meanwhile = lost(&fixture.link(TestLink::Queue)?);
    netlink.request(&tbf::change(ifindex, "queue", BUCKET))?;
    to.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
    // The first of these makes the queue apply its new rate. The others leave later than what stood still.
    for _ in 0..WAKING {
        from.send(&[7; PAYLOAD]).map_err(failed)?;
        fixture.pause(WAKING_PAUSE)?;
    }
    let arrived = (0..WAITING + WAKING).take_while(|_| to.recv(&mut [0; PAYLOAD]).is_ok()).count();
    let after = fixture.link_when(TestLink::Queue, CERTAIN, |link| lost(link) != before)?;
    let missing = (WAITING + WAKING - arrived) as u64;
    let measured = (lost(&after) - before).max(meanwhile - before);
    let samples = (WAITING + WAKING) as u64;
    fixture.add(Row::exact("lost in a queue that stood still", Unit::Count, missing, measured, samples));
    Ok(())
}

fn lost(link: &BothEnds) -> u64 {
    link.a_to_b.lost_segments.unwrap_or(0)
}

/// Measures packet trains, whose datagrams queue behind each other.
fn one_way(fixture: &mut Fixture<'_>, from: &UdpSocket, to: &UdpSocket) -> Result<(), SelftestError> {
    let latency = |fixture: &mut Fixture<'_>| -> Result<Histogram, SelftestError> {
        Ok(fixture.link(TestLink::Queue)?.a_to_b.latency.unwrap_or_default())
    };
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let (before, mut timings) = (latency(fixture)?, Timings::default());
        train(from, to, TRAIN, &mut timings)
            .map_err(|source| SelftestError::Socket("send through a queue", source))?;
        rounds.add(&timings, &latency(fixture)?.since(&before));
    }
    fixture.add(rounds.row("one-way latency behind a queue, mean", 2.0, PATH));
    Ok(())
}

/// Measures echoes that queue behind datagrams, timed as ping times them.
fn echoes(fixture: &mut Fixture<'_>, from: &UdpSocket, to: &UdpSocket) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("send an echo request through a queue", source);
    let pinger = fixture.inside(Side::A, || Pinger::open([10, 98, 2, 2].into()))?.map_err(failed)?;
    let mut rounds = Rounds::default();
    for number in 0..ECHOES {
        let (before, mut timings) = (fixture.link(TestLink::Queue)?.a.round_trips.icmp, Timings::default());
        for _ in 0..AHEAD {
            from.send(&[7; PAYLOAD]).map_err(failed)?;
        }
        if let Some(round_trip) = pinger.ping(number).map_err(failed)? {
            timings.add(round_trip);
        }
        for _ in 0..AHEAD {
            to.recv(&mut [0; PAYLOAD]).map_err(failed)?;
        }
        rounds.add(&timings, &fixture.link(TestLink::Queue)?.a.round_trips.icmp.since(&before));
    }
    fixture.add(rounds.row("icmp round trip behind a queue, mean", 2.0, PATH));
    Ok(())
}

/// Sends a train of `count` datagrams, and adds the time that each took to arrive.
fn train(from: &UdpSocket, to: &UdpSocket, count: usize, timings: &mut Timings) -> io::Result<()> {
    let mut departures = Vec::with_capacity(count);
    for _ in 0..count {
        departures.push(Instant::now());
        from.send(&[7; PAYLOAD])?;
    }
    for departure in departures {
        // They arrive in the order in which they were sent.
        to.recv(&mut [0; PAYLOAD])?;
        timings.add(departure.elapsed());
    }
    Ok(())
}

/// Sends far more datagrams than the queue holds, and receives those that it did not drop.
fn flood(from: &UdpSocket, to: &UdpSocket) -> io::Result<()> {
    for _ in 0..FLOOD {
        match from.send(&[7; PAYLOAD]) {
            // A full queue is what this is about.
            Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
            _ => {}
        }
    }
    to.set_read_timeout(Some(Duration::from_millis(100)))?;
    while to.recv(&mut [0; PAYLOAD]).is_ok() {}
    Ok(())
}
