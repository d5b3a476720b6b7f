//! Frames of every kind: the hooks' counts compared with what was sent.

use std::time::Duration;

use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::{names::Side, snapshot::HookCounters};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    frames::kinds,
    lab::TestLink,
    scorecard::Unit,
};

/// Frames of each kind.
const FRAMES: u16 = 50;
/// Requests count as unanswered after five seconds, and are reported shortly after.
const UNANSWERED: Duration = Duration::from_secs(12);

fn packets_of(hook: &HookCounters, protocol: &str) -> u64 {
    let counted = hook.protocols.iter().find(|(counted, _)| counted.label() == protocol);
    counted.map_or(0, |(_, traffic)| traffic.packets)
}

/// Returns the first count that differs from `expected`, or `expected` if none does.
fn first_wrong(expected: u64, counts: [u64; 2]) -> u64 {
    counts.into_iter().find(|count| *count != expected).unwrap_or(expected)
}

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let ifindex = fixture.end(TestLink::Silent, Side::A).ifindex.0;
    let socket = fixture
        .inside(Side::A, || PacketSocket::open(ifindex))?
        .map_err(|source| SelftestError::Socket("open a packet socket", source))?;
    let exits = |fixture: &mut Fixture<'_>| -> Result<u64, SelftestError> {
        Ok(fixture.reading()?.parse_exits.iter().map(|(_, count)| count).sum())
    };
    let (exits_before, mut expected) = (exits(fixture)?, Expected::default());
    for kind in kinds() {
        let before = fixture.link(TestLink::Silent)?;
        for number in 0..FRAMES {
            let frame = kind.numbered(number);
            socket.send(&frame).map_err(|source| SelftestError::Socket("send a frame", source))?;
        }
        let frames = u64::from(FRAMES);
        let arrived = before.b.hooks.ingress.packets() + frames;
        let after = fixture
            .link_when(TestLink::Silent, PATIENCE, |link| link.b.hooks.ingress.packets() >= arrived)?;
        let at_both = |link: &BothEnds| {
            [&link.a.hooks.egress, &link.b.hooks.ingress].map(|hook| packets_of(hook, kind.protocol))
        };
        let ([sent, received], [sent_before, received_before]) = (at_both(&after), at_both(&before));
        let counts = [sent - sent_before, received - received_before];
        let measure = format!("packets: {}", kind.what);
        fixture.add(Row::exact(measure, Unit::Count, frames, first_wrong(frames, counts), frames));
        let length = kind.frame.len() as u64;
        expected.packets += frames;
        expected.sent_bytes += frames * length;
        expected.arrived_bytes += frames * (length - kind.stripped_bytes);
        expected.exits += frames * kind.exits;
        expected.stamped += if kind.stamped { frames } else { 0 };
    }
    let exits = exits(fixture)? - exits_before;
    fixture.add(Row::exact("early exits", Unit::Count, expected.exits, exits, expected.packets));
    compare(fixture, &expected)
}

/// Totals over all kinds.
#[derive(Default)]
struct Expected {
    packets: u64,
    sent_bytes: u64,
    arrived_bytes: u64,
    exits: u64,
    stamped: u64,
}

fn compare(fixture: &mut Fixture<'_>, expected: &Expected) -> Result<(), SelftestError> {
    let BothEnds { a, b, a_to_b, .. } = fixture.link(TestLink::Silent)?;
    let samples = expected.packets;
    let bytes = |measure, expected, measured| Row::exact(measure, Unit::Bytes, expected, measured, samples);
    fixture.add(bytes("bytes sent, all kinds", expected.sent_bytes, a.hooks.egress.bytes()));
    fixture.add(bytes("bytes received, without VLAN tags", expected.arrived_bytes, b.hooks.ingress.bytes()));
    let stamped = a_to_b.latency.map_or(0, |latency| latency.count);
    // Before Linux 5.18 the kernel cannot stamp packets.
    if fixture.reading()?.features.packet_stamp {
        fixture.add(Row::exact("one-way latency samples", Unit::Count, expected.stamped, stamped, samples));
    }
    Ok(())
}

/// Checks the echo requests among the frames, which no host answers.
pub(super) fn measure_unanswered(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let sent = kinds().iter().filter(|kind| kind.is_request).count() as u64 * u64::from(FRAMES);
    let unanswered = |link: &BothEnds| link.a.round_trips.icmp_requests.unanswered;
    let link = fixture.link_when(TestLink::Silent, UNANSWERED, |link| unanswered(link) >= sent)?;
    fixture.add(Row::exact("echo requests unanswered", Unit::Count, sent, unanswered(&link), sent));
    Ok(())
}
