//! Queueing disciplines: read only. The datapath asks whether one of them makes use of departure times, the audit
//! what they dropped and hold, the doctor which kinds there are, the topology what of an impairment is there.

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
    /// Where it hangs: `0xffff_ffff` is the root.
    pub parent: u32,
    /// Packets that wait in it, and below it.
    pub queued: u32,
    /// Packets that it dropped; wraps.
    pub drops: u32,
    /// Its parameters, as the kernel gives them: by [`Qdisc::netem`] and [`Qdisc::token_bucket`].
    options: Vec<u8>,
}

impl Qdisc {
    /// The parameters, if it is a netem.
    #[must_use]
    pub fn netem(&self) -> Option<Netem> {
        (self.kind == netem::KIND).then(|| netem::read(&self.options)).flatten()
    }

    /// The parameters, if it is a token bucket.
    #[must_use]
    pub fn token_bucket(&self) -> Option<TokenBucket> {
        (self.kind == tbf::KIND).then(|| tbf::read(&self.options)).flatten()
    }
}

/// Parameters in a request: the crate has no layout for these kinds, and writes them as they are.
pub(super) fn options(bytes: Vec<u8>) -> TcAttribute {
    TcAttribute::Other(DefaultNla::new(OPTIONS, bytes))
}

/// `TCA_OPTIONS`
const OPTIONS: u16 = 2;

/// Where the root qdisc hangs (`TC_H_ROOT`).
pub const ROOT: u32 = u32::MAX;

impl Netlink {
    /// Whether the kernel has queueing disciplines of this kind, found out by asking for one on lo: for a
    /// namespace that goes afterwards. The kernel may load a module for it.
    ///
    /// # Errors
    ///
    /// When the kernel does not say.
    pub fn knows_qdisc(&mut self, kind: &str) -> Result<bool, NetlinkError> {
        let mut message = TcMessage::with_index(LOOPBACK.0.cast_signed());
        (message.header.parent, message.header.handle) = match kind {
            clsact::KIND => (TcHandle::CLSACT, TcHandle { major: 0xffff, minor: 0 }),
            _ => (TcHandle::ROOT, TcHandle { major: 1, minor: 0 }),
        };
        message.attributes.push(TcAttribute::Kind(kind.to_owned()));
        let ask = RouteNetlinkMessage::NewQueueDiscipline(message);
        match self.request(&Request::new(format!("ask for qdisc {kind}"), ask, NLM_F_CREATE | NLM_F_EXCL)) {
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) if error.errno() == Some(Errno::PERM) => Err(error),
            // One that lacks its parameters is known well enough to be refused for it.
            _ => Ok(true),
        }
    }

    /// Every queueing discipline of the namespace.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>, NetlinkError> {
        let question = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.dump("list qdiscs", &question, qdisc)
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
