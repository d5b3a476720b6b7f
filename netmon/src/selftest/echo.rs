//! Echoes that the kernel answers, in both families: counted, and timed as ping does it.

use std::{io, net::IpAddr, time::Duration};

use netmon_ebpf::Protocol;
use netmon_model::names::Side;

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    lab::{Line, has_ipv6},
    rounds::Seen,
    scorecard::Unit,
};
use crate::probe::Pinger;

/// Echoes of each family.
const ECHOES: u16 = 200;
/// What lies between user space and the hook at most: two system calls and a wake-up.
const WAY: Duration = Duration::from_micros(100);

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    one_family(bench, "icmp", IpAddr::from([10, 98, 1, 2]))?;
    if has_ipv6() {
        one_family(bench, "icmpv6", IpAddr::from([0xfd98, 1, 0, 0, 0, 0, 0, 2]))?;
    }
    Ok(())
}

fn one_family(bench: &mut Fixture<'_>, what: &str, to: IpAddr) -> Result<(), SelftestError> {
    let pinger = bench
        .inside(Side::A, || Pinger::open(to))?
        .map_err(|source| SelftestError::Socket("open a raw socket", source))?;
    // The first waits for the neighbour's address.
    pinger.ping(ECHOES).map_err(failed)?;
    let before = bench.link(Line::Talk)?;
    let mut seen = Seen::default();
    for number in 0..ECHOES {
        if let Some(round_trip) = pinger.ping(number).map_err(failed)? {
            seen.add(round_trip);
        }
    }
    let answered = |link: &BothEnds| link.a.round_trips.icmp.count - before.a.round_trips.icmp.count;
    let after = bench.link_when(Line::Talk, PATIENCE, |link| answered(link) >= seen.count())?;
    let trips = after.a.round_trips.icmp.since(&before.a.round_trips.icmp);
    let median = trips.quantile_ns(0.5).unwrap_or(f64::NAN);
    bench.add(Row::exact(
        format!("{what} echoes answered"),
        Unit::Count,
        seen.count(),
        trips.count,
        seen.count(),
    ));
    if what == "icmp" {
        let counted = |link: &BothEnds| {
            let hooks = [&link.a.hooks.egress, &link.a.hooks.ingress];
            hooks.map(|hook| hook.protocols[Protocol::Icmp].packets).iter().sum::<u64>()
        };
        let packets = counted(&after) - counted(&before);
        bench.add(Row::exact(
            "icmp packets, both ways",
            Unit::Count,
            2 * u64::from(ECHOES),
            packets,
            seen.count(),
        ));
    }
    let measure = format!("{what} round trip, median");
    bench.add(Row::nested(measure, (seen.median_ns(), median), WAY, seen.count()));
    Ok(())
}

fn failed(source: io::Error) -> SelftestError {
    SelftestError::Socket("send an echo request", source)
}
