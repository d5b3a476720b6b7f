//! Queueing disciplines: read only. The datapath asks whether one of them makes use of departure times.

use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcMessage},
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
}

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
}

fn qdisc(row: RouteNetlinkMessage) -> Option<Qdisc> {
    let RouteNetlinkMessage::NewQueueDiscipline(message) = row else { return None };
    let kind = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Kind(kind) => Some(kind.clone()),
        _ => None,
    })?;
    Some(Qdisc {
        interface: IfIndex(u32::try_from(message.header.index).ok()?),
        kind,
        handle: message.header.handle.into(),
        parent: message.header.parent.into(),
    })
}
