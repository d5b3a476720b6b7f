//! Packets of every kind, counted: by what was sent, at both hooks, and by the kernel.

use std::time::Duration;

use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::{names::Side, snapshot::HookCounters};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    frames::kinds,
    lab::Line,
    scorecard::Unit,
};

/// Frames of each kind.
const FRAMES: u16 = 50;
/// Requests are unanswered after five seconds, and told a moment later.
const UNANSWERED: Duration = Duration::from_secs(12);

fn of(hook: &HookCounters, protocol: &str) -> u64 {
    let counted = hook.protocols.iter().find(|(counted, _)| counted.label() == protocol);
    counted.map_or(0, |(_, traffic)| traffic.packets)
}

/// Whichever of two counts is further from what it should be.
fn worst(expected: u64, counts: [u64; 2]) -> u64 {
    if counts[0] == expected { counts[1] } else { counts[0] }
}

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let ifindex = bench.end(Line::Silent, Side::A).ifindex.0;
    let socket = bench
        .inside(Side::A, || PacketSocket::open(ifindex))?
        .map_err(|source| SelftestError::Socket("open a packet socket", source))?;
    let exits = |bench: &mut Fixture<'_>| -> Result<u64, SelftestError> {
        Ok(bench.reading()?.parse_exits.iter().map(|(_, count)| count).sum())
    };
    let (exits_before, mut expected) = (exits(bench)?, Expected::default());
    for kind in kinds() {
        let before = bench.link(Line::Silent)?;
        for number in 0..FRAMES {
            let frame = kind.numbered(number);
            socket.send(&frame).map_err(|source| SelftestError::Socket("send a frame", source))?;
        }
        let frames = u64::from(FRAMES);
        let arrived = before.b.hooks.ingress.packets() + frames;
        let after =
            bench.link_when(Line::Silent, PATIENCE, |link| link.b.hooks.ingress.packets() >= arrived)?;
        let counts = [
            of(&after.a.hooks.egress, kind.protocol) - of(&before.a.hooks.egress, kind.protocol),
            of(&after.b.hooks.ingress, kind.protocol) - of(&before.b.hooks.ingress, kind.protocol),
        ];
        let measure = format!("packets: {}", kind.what);
        bench.add(Row::exact(measure, Unit::Count, frames, worst(frames, counts), frames));
        let length = kind.frame.len() as u64;
        expected.packets += frames;
        expected.sent_bytes += frames * length;
        expected.arrived_bytes += frames * (length - kind.shorter);
        expected.exits += frames * kind.exits;
        expected.stamped += if kind.stamped { frames } else { 0 };
    }
    let exits = exits(bench)? - exits_before;
    bench.add(Row::exact("early exits", Unit::Count, expected.exits, exits, expected.packets));
    compare(bench, &expected)
}

/// What all kinds together should come to.
#[derive(Default)]
struct Expected {
    packets: u64,
    sent_bytes: u64,
    arrived_bytes: u64,
    exits: u64,
    stamped: u64,
}

fn compare(bench: &mut Fixture<'_>, expected: &Expected) -> Result<(), SelftestError> {
    let BothEnds { a, b, a_to_b, .. } = bench.link(Line::Silent)?;
    let samples = expected.packets;
    let bytes = |measure, expected, measured| Row::exact(measure, Unit::Bytes, expected, measured, samples);
    bench.add(bytes("bytes sent, all kinds", expected.sent_bytes, a.hooks.egress.bytes()));
    bench.add(bytes("bytes arrived, a VLAN tag less", expected.arrived_bytes, b.hooks.ingress.bytes()));
    let stamped = a_to_b.latency.map_or(0, |latency| latency.count);
    // Before Linux 5.18 nothing is stamped.
    if bench.reading()?.features.packet_stamp {
        bench.add(Row::exact("one-way latency samples", Unit::Count, expected.stamped, stamped, samples));
    }
    Ok(())
}

/// The echo requests among the frames, which nobody answered.
pub(super) fn measure_unanswered(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let asked = kinds().iter().filter(|kind| kind.asks).count() as u64 * u64::from(FRAMES);
    let told = |link: &BothEnds| link.a.round_trips.icmp_unanswered;
    let link = bench.link_when(Line::Silent, UNANSWERED, |link| told(link) >= asked)?;
    bench.add(Row::exact("echo requests unanswered", Unit::Count, asked, told(&link), asked));
    Ok(())
}
