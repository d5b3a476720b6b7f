//! ICMP echoes over IPv4 and IPv6, answered by the kernel: counted, and timed as ping times them.

use std::{io, net::IpAddr, time::Duration};

use netmon_ebpf::Protocol;
use netmon_model::names::Side;

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    lab::{TestLink, has_ipv6},
    rounds::Timings,
    scorecard::Unit,
};
use crate::probe::Pinger;

/// Echoes for each address family.
const ECHOES: u16 = 200;
/// The path between user space and the hook takes at most this long: two system calls and a wake-up.
const PATH: Duration = Duration::from_micros(100);

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    one_family(fixture, "icmp", IpAddr::from([10, 98, 1, 2]))?;
    if has_ipv6() {
        one_family(fixture, "icmpv6", IpAddr::from([0xfd98, 1, 0, 0, 0, 0, 0, 2]))?;
    }
    Ok(())
}

fn one_family(fixture: &mut Fixture<'_>, what: &str, to: IpAddr) -> Result<(), SelftestError> {
    let pinger = fixture
        .inside(Side::A, || Pinger::open(to))?
        .map_err(|source| SelftestError::Socket("open a raw socket", source))?;
    // The first echo waits for neighbour discovery.
    pinger.ping(ECHOES).map_err(failed)?;
    let before = fixture.link(TestLink::Talk)?;
    let mut timings = Timings::default();
    for number in 0..ECHOES {
        if let Some(round_trip) = pinger.ping(number).map_err(failed)? {
            timings.add(round_trip);
        }
    }
    let answered = |link: &BothEnds| link.a.round_trips.icmp.count - before.a.round_trips.icmp.count;
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| answered(link) >= timings.count())?;
    let trips = after.a.round_trips.icmp.since(&before.a.round_trips.icmp);
    let median = trips.quantile_ns(0.5).unwrap_or(f64::NAN);
    fixture.add(Row::exact(
        format!("{what} echoes answered"),
        Unit::Count,
        timings.count(),
        trips.count,
        timings.count(),
    ));
    if what == "icmp" {
        let counted = |link: &BothEnds| {
            let hooks = [&link.a.hooks.egress, &link.a.hooks.ingress];
            hooks.map(|hook| hook.protocols[Protocol::Icmp].packets).iter().sum::<u64>()
        };
        let packets = counted(&after) - counted(&before);
        fixture.add(Row::exact(
            "icmp packets, both directions",
            Unit::Count,
            2 * u64::from(ECHOES),
            packets,
            timings.count(),
        ));
    }
    let measure = format!("{what} round trip, median");
    fixture.add(Row::nested(measure, (timings.median_ns(), median), PATH, timings.count()));
    Ok(())
}

fn failed(source: io::Error) -> SelftestError {
    SelftestError::Socket("send an echo request", source)
}
