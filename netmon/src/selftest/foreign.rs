//! What is not traffic from one end of a link to the other: delivery times of other programs, and packets that the kernel
//! gives back to their sender.

use std::net::{Ipv4Addr, UdpSocket};

use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::names::Side;
use rustix::time::{ClockId, clock_gettime};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    frames::kinds,
    kernel::received,
    lab::TestLink,
    scorecard::Unit,
};

/// Frames with a delivery time of their own.
const FRAMES: u64 = 64;
/// How long ago their time is.
const AGO_NS: u64 = 2_000_000;
/// Datagrams to a group that their sender is a member of.
const DATAGRAMS: u64 = 20;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 98, 1, 1);
const MEMBER: Ipv4Addr = Ipv4Addr::new(10, 98, 1, 1);

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    if fixture.reading()?.features.packet_stamp {
        delivery_times(fixture)?;
    }
    multicast(fixture)
}

/// Sends frames past the egress hook, as programs for precise timing do. Their times are rounded to microseconds.
fn delivery_times(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("send a frame with a delivery time", source);
    let ifindex = fixture.end(TestLink::Silent, Side::A).ifindex.0;
    let socket = fixture.inside(Side::A, || PacketSocket::open(ifindex))?.map_err(failed)?;
    socket.bypass_qdisc().and_then(|()| socket.take_delivery_times()).map_err(failed)?;
    // The first kind is UDP over IPv4.
    let Some(kind) = kinds().into_iter().next() else { return Ok(()) };
    let before = fixture.link(TestLink::Silent)?;
    for number in 0..FRAMES {
        let time_ns = (now_ns() - AGO_NS) / 1_000 * 1_000;
        socket.send_at(&kind.numbered(number as u16), time_ns).map_err(failed)?;
    }
    let all = before.b.hooks.ingress.packets() + FRAMES;
    let after =
        fixture.link_when(TestLink::Silent, PATIENCE, |link| link.b.hooks.ingress.packets() >= all)?;
    let samples = |link: &BothEnds| link.a_to_b.latency.as_ref().map_or(0, |latency| latency.count);
    let false_samples = samples(&after) - samples(&before);
    let measure = "latency samples of foreign delivery times";
    fixture.add(Row::exact(measure, Unit::Count, 0, false_samples, FRAMES));
    Ok(())
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Sends to a group that the sender is a member of: the kernel gives it a copy, which never crossed the link.
fn multicast(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("send to a group", source);
    let socket = fixture.inside(Side::A, || UdpSocket::bind((MEMBER, 0)))?.map_err(failed)?;
    socket.join_multicast_v4(&GROUP, &MEMBER).map_err(failed)?;
    let port = socket.local_addr().map_err(failed)?.port();
    let index = fixture.end(TestLink::Talk, Side::A).ifindex;
    let mut netlink = fixture.netlink(Side::A)?;
    let (kernel_before, before) = (received(&mut netlink, index)?, fixture.link(TestLink::Talk)?);
    let all = (0..DATAGRAMS).try_for_each(|_| socket.send_to(b"all", (GROUP, port)).map(drop));
    all.map_err(failed)?;
    let leaves = before.a.hooks.egress.packets() + DATAGRAMS;
    let after =
        fixture.link_when(TestLink::Talk, PATIENCE, |link| link.a.hooks.egress.packets() >= leaves)?;
    let counted = after.a.hooks.ingress.packets() - before.a.hooks.ingress.packets();
    let kernel = received(&mut netlink, index)? - kernel_before;
    let measure = "received of what was sent to a group";
    fixture.add(Row::exact(measure, Unit::Count, kernel, counted, DATAGRAMS));
    Ok(())
}
