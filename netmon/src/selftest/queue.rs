//! A queue of a known rate: how late packets come out of it, and how many it drops when it is full.

use std::{
    io,
    net::UdpSocket,
    time::{Duration, Instant},
};

use netmon_kernel::netlink::tbf;
use netmon_model::{histogram::Histogram, impairment::TokenBucket, names::Side};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture},
    lab::Line,
    rounds::{Rounds, Seen},
    scorecard::Unit,
};
use crate::probe::Pinger;

/// One megabyte a second, a millisecond for each datagram; half of what a socket may have under way may wait.
const BUCKET: TokenBucket = TokenBucket { rate: 1_000_000, burst: 2_000, limit: 50_000 };
/// Bytes of a datagram: a thousand, but for the headers.
const PAYLOAD: usize = 958;
/// Datagrams that wait behind each other, and how often that is done.
const ROW: usize = 20;
const ROUNDS: usize = 9;
/// Echoes that wait, and how many datagrams are ahead of each.
const ECHOES: u16 = 20;
const AHEAD: usize = 12;
/// Datagrams that are far too many.
const FLOOD: usize = 1_000;
/// What lies between user space and the hook at most.
const WAY: Duration = Duration::from_micros(200);
/// Loss is told when it is certain: some epochs after the longest way through the queue.
const CERTAIN: Duration = Duration::from_secs(4);

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    if !bench.reading()?.features.packet_stamp {
        // Before Linux 5.18 there is neither one-way latency nor loss.
        return Ok(());
    }
    let ifindex = bench.end(Line::Queue, Side::A).ifindex;
    let mut netlink = bench.netlink(Side::A)?;
    netlink.request(&tbf::add(ifindex, "queue", BUCKET))?;
    let failed = |source| SelftestError::Socket("send through a queue", source);
    let to = bench.inside(Side::B, || UdpSocket::bind("10.98.2.2:0"))?.map_err(failed)?;
    let from = bench.inside(Side::A, || UdpSocket::bind("10.98.2.1:0"))?.map_err(failed)?;
    from.connect(to.local_addr().map_err(failed)?).map_err(failed)?;
    to.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed)?;
    // The first waits for the neighbour's address.
    row(&from, &to, 1, &mut Seen::default()).map_err(failed)?;
    one_way(bench, &from, &to)?;
    echoes(bench, &from, &to)?;
    let samples = bench.link(Line::Queue)?;
    let packets = samples.a.hooks.egress.packets();
    bench.add(Row::exact("lost behind a queue that only waits", Unit::Count, 0, lost(&samples), packets));
    let dropped_before = netlink.root_drops(ifindex)?.unwrap_or(0);
    flood(&from, &to).map_err(failed)?;
    let dropped = u64::from(netlink.root_drops(ifindex)?.unwrap_or(0).wrapping_sub(dropped_before));
    let told = bench.link_when(Line::Queue, CERTAIN, |link| lost(link) >= dropped)?;
    bench.add(Row::exact("lost in a queue that overflows", Unit::Count, dropped, lost(&told), FLOOD as u64));
    Ok(())
}

fn lost(link: &BothEnds) -> u64 {
    link.a_to_b.lost_segments.unwrap_or(0)
}

/// Datagrams that wait behind each other.
fn one_way(bench: &mut Fixture<'_>, from: &UdpSocket, to: &UdpSocket) -> Result<(), SelftestError> {
    let latency = |bench: &mut Fixture<'_>| -> Result<Histogram, SelftestError> {
        Ok(bench.link(Line::Queue)?.a_to_b.latency.unwrap_or_default())
    };
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let (before, mut seen) = (latency(bench)?, Seen::default());
        row(from, to, ROW, &mut seen)
            .map_err(|source| SelftestError::Socket("send through a queue", source))?;
        rounds.add(&seen, &latency(bench)?.since(&before));
    }
    bench.add(rounds.row("one-way latency behind a queue, mean", 2.0, WAY));
    Ok(())
}

/// Echoes that wait behind datagrams, timed as ping does it.
fn echoes(bench: &mut Fixture<'_>, from: &UdpSocket, to: &UdpSocket) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("send an echo request through a queue", source);
    let pinger = bench.inside(Side::A, || Pinger::open([10, 98, 2, 2].into()))?.map_err(failed)?;
    let mut rounds = Rounds::default();
    for number in 0..ECHOES {
        let (before, mut seen) = (bench.link(Line::Queue)?.a.round_trips.icmp, Seen::default());
        for _ in 0..AHEAD {
            from.send(&[7; PAYLOAD]).map_err(failed)?;
        }
        if let Some(round_trip) = pinger.ping(number).map_err(failed)? {
            seen.add(round_trip);
        }
        for _ in 0..AHEAD {
            to.recv(&mut [0; PAYLOAD]).map_err(failed)?;
        }
        rounds.add(&seen, &bench.link(Line::Queue)?.a.round_trips.icmp.since(&before));
    }
    bench.add(rounds.row("icmp round trip behind a queue, mean", 2.0, WAY));
    Ok(())
}

/// Some datagrams at once, and how long each was on its way.
fn row(from: &UdpSocket, to: &UdpSocket, count: usize, seen: &mut Seen) -> io::Result<()> {
    let mut departures = Vec::with_capacity(count);
    for _ in 0..count {
        departures.push(Instant::now());
        from.send(&[7; PAYLOAD])?;
    }
    for departure in departures {
        // In the order in which they left.
        to.recv(&mut [0; PAYLOAD])?;
        seen.add(departure.elapsed());
    }
    Ok(())
}

/// Far more at once than may wait, until what comes out of it has come.
fn flood(from: &UdpSocket, to: &UdpSocket) -> io::Result<()> {
    for _ in 0..FLOOD {
        match from.send(&[7; PAYLOAD]) {
            // That the queue is full is the point.
            Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
            _ => {}
        }
    }
    to.set_read_timeout(Some(Duration::from_millis(100)))?;
    while to.recv(&mut [0; PAYLOAD]).is_ok() {}
    Ok(())
}
