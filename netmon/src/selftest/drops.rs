//! Datagrams to a port that nobody has: the kernel's reason for dropping them.

use std::net::UdpSocket;

use netmon_model::names::Side;

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    lab::Line,
    scorecard::Unit,
};

/// How many.
const DATAGRAMS: u64 = 20;
const REASON: &str = "NO_SOCKET";

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let before = bench.link(Line::Talk)?;
    if before.b.drops.is_none() {
        // This kernel does not tell, and the agent says so: there is no such measure.
        return Ok(());
    }
    let failed = |source| SelftestError::Socket("send a datagram", source);
    let socket = bench.inside(Side::A, || UdpSocket::bind("10.98.1.1:0"))?.map_err(failed)?;
    for _ in 0..DATAGRAMS {
        // Not connected, so that it does not hear of the refusal.
        socket.send_to(b"nobody", "10.98.1.2:9").map_err(failed)?;
    }
    let dropped = |link: &BothEnds| {
        let drops = link.b.drops.iter().flatten();
        drops.filter(|(reason, _)| reason == REASON).map(|(_, count)| count).sum::<u64>()
    };
    let since = |link: &BothEnds| dropped(link) - dropped(&before);
    let after = bench.link_when(Line::Talk, PATIENCE, |link| since(link) >= DATAGRAMS)?;
    bench.add(Row::exact("kernel drops: NO_SOCKET", Unit::Count, DATAGRAMS, since(&after), DATAGRAMS));
    Ok(())
}
