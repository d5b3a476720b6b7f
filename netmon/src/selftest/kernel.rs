//! The kernel's own counters (`rtnl_link_stats64`) beside those of the hooks, since the lab was built.

use netmon_kernel::{netlink::Netlink, proc::Process};
use netmon_model::names::{IfIndex, Side};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture},
    lab::TestLink,
    scorecard::Unit,
};

/// Attempts to read both while no packet passes: IPv6 sends some on its own now and then.
const ATTEMPTS: usize = 200;

/// Packets and bytes that one end sent, then packets and bytes that it received.
type Counts = [u64; 4];

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    compare(fixture, TestLink::Silent, "frames")?;
    compare(fixture, TestLink::Talk, "sockets")?;
    if let Some(lost) = fixture.link(TestLink::Talk)?.a_to_b.lost_segments {
        let samples = fixture.link(TestLink::Talk)?.a.hooks.egress.packets();
        fixture.add(Row::exact("lost without any drops", Unit::Count, 0, lost, samples));
    }
    Ok(())
}

fn compare(fixture: &mut Fixture<'_>, link: TestLink, what: &str) -> Result<(), SelftestError> {
    let (counted, [a, b]) = read_at_rest(fixture, link)?;
    let [packets_out, bytes_out, packets_in, bytes_in] = a;
    let samples = packets_out;
    let mut row = |measure: &str, unit, kernel, ours| {
        fixture.add(Row::exact(format!("kernel's {measure}, {what}"), unit, kernel, ours, samples));
    };
    row("packets sent", Unit::Count, packets_out, counted.a.hooks.egress.packets());
    row("bytes sent", Unit::Bytes, bytes_out, counted.a.hooks.egress.bytes());
    if link == TestLink::Talk {
        row("packets received", Unit::Count, packets_in, counted.a.hooks.ingress.packets());
        row("bytes received", Unit::Bytes, bytes_in, counted.a.hooks.ingress.bytes());
    }
    row("packets received at the peer", Unit::Count, b[2], counted.b.hooks.ingress.packets());
    Ok(())
}

/// Reads netmon's counts and the kernel's at a moment when no packet passes.
fn read_at_rest(fixture: &mut Fixture<'_>, link: TestLink) -> Result<(BothEnds, [Counts; 2]), SelftestError> {
    let index = |side| fixture.end(link, side).ifindex;
    let (a, b) = (index(Side::A), index(Side::B));
    let (mut at_a, mut at_b) = (fixture.netlink(Side::A)?, fixture.netlink(Side::B)?);
    let mut before = [counts(&mut at_a, a)?, counts(&mut at_b, b)?];
    let mut tries = 0;
    loop {
        let reading = fixture.link(link)?;
        let after = [counts(&mut at_a, a)?, counts(&mut at_b, b)?];
        tries += 1;
        if before == after || tries == ATTEMPTS {
            return Ok((reading, after));
        }
        before = after;
    }
}

/// Returns how many packets an interface has received.
pub(super) fn received(netlink: &mut Netlink, index: IfIndex) -> Result<u64, SelftestError> {
    Ok(counts(netlink, index)?[2])
}

/// Returns how many TCP segments the namespace of one side has retransmitted.
pub(super) fn retransmitted(fixture: &Fixture<'_>, side: Side) -> Result<u64, SelftestError> {
    let read = || Process::CurrentThread.retransmitted_segments();
    fixture.inside(side, read)?.map_err(|source| SelftestError::Socket("read /proc/net/snmp", source))
}

fn counts(netlink: &mut Netlink, index: IfIndex) -> Result<Counts, SelftestError> {
    let interfaces = netlink.interfaces_with_stats()?;
    let stats = interfaces.into_iter().find(|there| there.index == index.0).and_then(|there| there.stats);
    Ok(stats.map_or([0; 4], |stats| [stats.tx_packets, stats.tx_bytes, stats.rx_packets, stats.rx_bytes]))
}
