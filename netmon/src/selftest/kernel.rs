//! What the kernel counted itself (`rtnl_link_stats64`), beside what the hooks counted, since both began.

use netmon_kernel::netlink::Netlink;
use netmon_model::names::{IfIndex, Side};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture},
    lab::Line,
    scorecard::Unit,
};

/// How often it is tried to read both while nothing passes: IPv6 has something to say now and then.
const ATTEMPTS: usize = 200;

/// What one end sent and received: packets and bytes.
type Counts = [u64; 4];

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    of_link(bench, Line::Silent, "frames")?;
    of_link(bench, Line::Talk, "sockets")?;
    if let Some(lost) = bench.link(Line::Talk)?.a_to_b.lost_segments {
        let samples = bench.link(Line::Talk)?.a.hooks.egress.packets();
        bench.add(Row::exact("lost where nothing is dropped", Unit::Count, 0, lost, samples));
    }
    Ok(())
}

fn of_link(bench: &mut Fixture<'_>, line: Line, what: &str) -> Result<(), SelftestError> {
    let (link, [a, b]) = at_rest(bench, line)?;
    let [packets_out, bytes_out, packets_in, bytes_in] = a;
    let samples = packets_out;
    let mut row = |measure: &str, unit, kernel, ours| {
        bench.add(Row::exact(format!("kernel's {measure}, {what}"), unit, kernel, ours, samples));
    };
    row("packets sent", Unit::Count, packets_out, link.a.hooks.egress.packets());
    row("bytes sent", Unit::Bytes, bytes_out, link.a.hooks.egress.bytes());
    if line == Line::Talk {
        row("packets received", Unit::Count, packets_in, link.a.hooks.ingress.packets());
        row("bytes received", Unit::Bytes, bytes_in, link.a.hooks.ingress.bytes());
    }
    row("packets received over there", Unit::Count, b[2], link.b.hooks.ingress.packets());
    Ok(())
}

/// netmon's and the kernel's counts of one moment.
fn at_rest(bench: &mut Fixture<'_>, line: Line) -> Result<(BothEnds, [Counts; 2]), SelftestError> {
    let index = |side| bench.end(line, side).ifindex;
    let (a, b) = (index(Side::A), index(Side::B));
    let (mut at_a, mut at_b) = (bench.netlink(Side::A)?, bench.netlink(Side::B)?);
    let mut before = [counts(&mut at_a, a)?, counts(&mut at_b, b)?];
    let mut tries = 0;
    loop {
        let link = bench.link(line)?;
        let after = [counts(&mut at_a, a)?, counts(&mut at_b, b)?];
        tries += 1;
        if before == after || tries == ATTEMPTS {
            return Ok((link, after));
        }
        before = after;
    }
}

fn counts(netlink: &mut Netlink, index: IfIndex) -> Result<Counts, SelftestError> {
    let interfaces = netlink.interfaces_with_stats()?;
    let stats = interfaces.into_iter().find(|there| there.index == index.0).and_then(|there| there.stats);
    Ok(stats.map_or([0; 4], |stats| [stats.tx_packets, stats.tx_bytes, stats.rx_packets, stats.rx_bytes]))
}
