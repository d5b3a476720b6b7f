//! Queueing disciplines, read only.
//!
//! The datapath reads whether one of them uses departure times, the audit reads what they dropped and hold, the doctor
//! which kinds the kernel has, and the topology which impairments are installed.

use netmon_model::{
    impairment::{Netem, TokenBucket},
    names::IfIndex,
};
use rtnetlink::{
    packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, Nla as _},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcHandle, TcMessage, TcOption, TcStats2, TcStatsQueue},
    },
};
use rustix::io::Errno;

use super::{Netlink, NetlinkError, Request, clsact, link::LOOPBACK, netem, tbf};

/// A queueing discipline of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qdisc {
    /// The interface.
    pub interface: IfIndex,
    /// `noqueue`, `tbf`, `clsact` and so on.
    pub kind: String,
    /// Major and minor of its handle, as one number.
    pub handle: u32,
    /// Its parent: [`ROOT`] is the interface.
    pub parent: u32,
    /// Packets that wait in it and below it.
    pub queued: u32,
    /// Packets that it dropped. Wraps.
    pub drops: u32,
    /// Its parameters as the kernel sent them, for [`Qdisc::netem`] and [`Qdisc::token_bucket`].
    options: Vec<u8>,
}

impl Qdisc {
    /// Returns its parameters. `None` if it is not a netem.
    #[must_use]
    pub fn netem(&self) -> Option<Netem> {
        (self.kind == netem::KIND).then(|| netem::read(&self.options)).flatten()
    }

    /// Returns its parameters. `None` if it is not a token bucket.
    #[must_use]
    pub fn token_bucket(&self) -> Option<TokenBucket> {
        (self.kind == tbf::KIND).then(|| tbf::read(&self.options)).flatten()
    }
}

/// Returns parameters for a request. The crate has no layout for these kinds and writes the bytes as they are.
pub(super) fn options(bytes: Vec<u8>) -> TcAttribute {
    TcAttribute::Other(DefaultNla::new(OPTIONS, bytes))
}

/// `TCA_OPTIONS`
const OPTIONS: u16 = 2;

/// The parent of the root qdisc (`TC_H_ROOT`).
pub const ROOT: u32 = u32::MAX;

impl Netlink {
    /// Returns whether the kernel has queueing disciplines of this kind, by adding one to `lo`: for a namespace that is
    /// destroyed afterwards. The kernel may load a module for it.
    ///
    /// # Errors
    ///
    /// Fails without the privilege to add one.
    pub fn knows_qdisc(&mut self, kind: &str) -> Result<bool, NetlinkError> {
        let mut message = TcMessage::with_index(LOOPBACK.0.cast_signed());
        (message.header.parent, message.header.handle) = match kind {
            clsact::KIND => (TcHandle::CLSACT, TcHandle { major: 0xffff, minor: 0 }),
            _ => (TcHandle::ROOT, TcHandle { major: 1, minor: 0 }),
        };
        message.attributes.push(TcAttribute::Kind(kind.to_owned()));
        let add = RouteNetlinkMessage::NewQueueDiscipline(message);
        match self.request(&Request::new(format!("try qdisc {kind}"), add, NLM_F_CREATE | NLM_F_EXCL)) {
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) if error.errno() == Some(Errno::PERM) => Err(error),
            // A kind that is refused for missing parameters is known.
            _ => Ok(true),
        }
    }

    /// Returns every queueing discipline of the namespace.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>, NetlinkError> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.dump("list qdiscs", &request, qdisc)
    }

    /// Returns those of these interfaces in whose qdiscs no packet waits, or which are gone.
    ///
    /// # Errors
    ///
    /// Fails if an interface or the list of qdiscs cannot be read.
    pub fn idle(&mut self, interfaces: &[IfIndex]) -> Result<Vec<IfIndex>, NetlinkError> {
        let mut with_queue = Vec::new();
        for index in interfaces {
            // The kernel would announce a request for one qdisc to all listeners, so all are listed.
            if self.interface(*index)?.is_some_and(|interface| interface.has_queue()) {
                with_queue.push(*index);
            }
        }
        let qdiscs = if with_queue.is_empty() { Vec::new() } else { self.qdiscs()? };
        let waits = |qdisc: &Qdisc| qdisc.parent == ROOT && qdisc.queued > 0;
        let busy: Vec<IfIndex> = qdiscs.into_iter().filter(waits).map(|qdisc| qdisc.interface).collect();
        Ok(interfaces.iter().copied().filter(|index| !busy.contains(index)).collect())
    }

    /// Returns how many packets the root qdisc of an interface dropped, by its own counter, which wraps. `None` if the
    /// interface has no such qdisc.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn root_drops(&mut self, interface: IfIndex) -> Result<Option<u32>, NetlinkError> {
        let is_root = |qdisc: &Qdisc| qdisc.interface == interface && qdisc.parent == ROOT;
        Ok(self.qdiscs()?.into_iter().find(is_root).map(|qdisc| qdisc.drops))
    }
}

pub(super) fn qdisc(row: RouteNetlinkMessage) -> Option<Qdisc> {
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
        options: message.attributes.iter().find_map(raw_options).unwrap_or_default(),
    })
}

fn raw_options(attribute: &TcAttribute) -> Option<Vec<u8>> {
    let TcAttribute::Options(options) = attribute else { return None };
    let [TcOption::Other(raw)] = options.as_slice() else { return None };
    let mut bytes = vec![0; raw.value_len()];
    raw.emit_value(&mut bytes);
    Some(bytes)
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
