//! Datagrams to a closed port, which the kernel drops with a known reason.

use std::net::UdpSocket;

use netmon_model::names::Side;

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE},
    lab::TestLink,
    scorecard::Unit,
};

/// Number of datagrams.
const DATAGRAMS: u64 = 20;
const REASON: &str = "NO_SOCKET";

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let before = fixture.link(TestLink::Talk)?;
    if before.b.drops.is_none() {
        // This kernel does not report drops. The agent logs that; there is nothing to compare.
        return Ok(());
    }
    let failed = |source| SelftestError::Socket("send a datagram", source);
    let socket = fixture.inside(Side::A, || UdpSocket::bind("10.98.1.1:0"))?.map_err(failed)?;
    for _ in 0..DATAGRAMS {
        // The socket is not connected, so the ICMP error does not make the next send fail.
        socket.send_to(b"closed", "10.98.1.2:9").map_err(failed)?;
    }
    let dropped = |link: &BothEnds| {
        let drops = link.b.drops.iter().flatten();
        drops.filter(|(reason, _)| reason == REASON).map(|(_, count)| count).sum::<u64>()
    };
    let since = |link: &BothEnds| dropped(link) - dropped(&before);
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| since(link) >= DATAGRAMS)?;
    fixture.add(Row::exact("kernel drops: NO_SOCKET", Unit::Count, DATAGRAMS, since(&after), DATAGRAMS));
    Ok(())
}
