//! Queueing disciplines: read only. The datapath asks whether one of them makes use of departure times, the audit
//! what they dropped and hold.

use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcMessage, TcStats2, TcStatsQueue},
};

use super::{Netlink, NetlinkError};
use crate::names::IfIndex;

/// A queueing discipline of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qdisc {
    /// The interface.
    pub interface: IfIndex,
    /// `noqueue`, `tbf`, `clsact` and so on.
    pub kind: String,
    /// Major and minor of its handle, as one number.
    pub handle: u32,
    /// Where it hangs: `0xffff_ffff` is the root.
    pub parent: u32,
    /// Packets that wait in it, and below it.
    pub queued: u32,
    /// Packets that it dropped; wraps.
    pub drops: u32,
}

/// Where the root qdisc hangs (`TC_H_ROOT`).
pub const ROOT: u32 = u32::MAX;

impl Netlink {
    /// Every queueing discipline of the namespace.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>, NetlinkError> {
        let question = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        Ok(self.dump("list qdiscs", &question)?.into_iter().filter_map(qdisc).collect())
    }

    /// Packets that the root qdisc of an interface dropped, by its own counter, which wraps; none without such
    /// a qdisc.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn root_drops(&mut self, interface: IfIndex) -> Result<Option<u32>, NetlinkError> {
        let is_root = |qdisc: &Qdisc| qdisc.interface == interface && qdisc.parent == ROOT;
        Ok(self.qdiscs()?.into_iter().find(is_root).map(|qdisc| qdisc.drops))
    }
}

fn qdisc(row: RouteNetlinkMessage) -> Option<Qdisc> {
    let RouteNetlinkMessage::NewQueueDiscipline(message) = row else { return None };
    let kind = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Kind(kind) => Some(kind.clone()),
        _ => None,
    })?;
    let queue = queue(&message.attributes).unwrap_or_default();
    Some(Qdisc {
        interface: IfIndex(u32::try_from(message.header.index).ok()?),
        kind,
        handle: message.header.handle.into(),
        parent: message.header.parent.into(),
        queued: queue.qlen,
        drops: queue.drops,
    })
}

fn queue(attributes: &[TcAttribute]) -> Option<TcStatsQueue> {
    let stats = attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Stats2(stats) => Some(stats),
        _ => None,
    })?;
    stats.iter().find_map(|part| match part {
        TcStats2::Queue(queue) => Some(*queue),
        _ => None,
    })
}
