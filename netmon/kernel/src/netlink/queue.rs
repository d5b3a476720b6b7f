//! The qdiscs of an impairment. Their handles identify them as netmon's; any other qdisc is foreign.

use netmon_model::{
    impairment::{Netem, TokenBucket},
    names::IfIndex,
};
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcHandle, TcMessage},
    },
};

use super::{
    Request, netem,
    qdisc::{self, Qdisc},
    tbf,
};

/// "nm": the root qdisc.
const ROOT: TcHandle = TcHandle { major: 0x6e6d, minor: 0 };
/// "nn": the qdisc below a netem, whose only class is 1.
const BELOW: TcHandle = TcHandle { major: 0x6e6e, minor: 0 };
const NETEM_CLASS: TcHandle = TcHandle { major: 0x6e6d, minor: 1 };

/// The position of one of netmon's qdiscs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At the root.
    Root,
    /// Below netmon's netem.
    Below,
}

/// A qdisc with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// Delays packets.
    Netem(Netem),
    /// Limits the rate.
    Bucket(TokenBucket),
}

impl Position {
    fn parent(self) -> TcHandle {
        match self {
            Self::Root => TcHandle::ROOT,
            Self::Below => NETEM_CLASS,
        }
    }

    fn handle(self) -> TcHandle {
        match self {
            Self::Root => ROOT,
            Self::Below => BELOW,
        }
    }

    /// Returns whether a qdisc is netmon's in this position.
    #[must_use]
    pub fn is_of(self, qdisc: &Qdisc) -> bool {
        let is_kind = matches!(qdisc.kind.as_str(), netem::KIND | tbf::KIND);
        is_kind && qdisc.handle == u32::from(self.handle()) && qdisc.parent == u32::from(self.parent())
    }

    fn message(self, index: IfIndex) -> TcMessage {
        let mut message = TcMessage::with_index(index.0.cast_signed());
        message.header.parent = self.parent();
        message.header.handle = self.handle();
        message
    }
}

impl Discipline {
    fn kind(self) -> &'static str {
        match self {
            Self::Netem(_) => netem::KIND,
            Self::Bucket(_) => tbf::KIND,
        }
    }

    fn describe(self, mut message: TcMessage) -> TcMessage {
        message.attributes.push(TcAttribute::Kind(self.kind().to_owned()));
        message.attributes.push(qdisc::options(match self {
            Self::Netem(netem) => netem::options(netem),
            Self::Bucket(bucket) => tbf::options(bucket),
        }));
        message
    }
}

/// Adds a qdisc to an interface. The kernel refuses if there is one other than its default.
#[must_use]
pub fn add(index: IfIndex, name: &str, position: Position, discipline: Discipline) -> Request {
    Request::new(
        format!("add a {} to interface {name}", discipline.kind()),
        RouteNetlinkMessage::NewQueueDiscipline(discipline.describe(position.message(index))),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Changes the parameters of an existing qdisc. Waiting packets and counters are kept.
#[must_use]
pub fn change(index: IfIndex, name: &str, position: Position, discipline: Discipline) -> Request {
    Request::new(
        format!("change the {} of interface {name}", discipline.kind()),
        RouteNetlinkMessage::NewQueueDiscipline(discipline.describe(position.message(index))),
        0,
    )
}

/// Deletes netmon's root qdisc with the one below it. Waiting packets are dropped.
#[must_use]
pub fn delete(index: IfIndex, name: &str) -> Request {
    Request::new(
        format!("delete the queue of interface {name}"),
        RouteNetlinkMessage::DelQueueDiscipline(Position::Root.message(index)),
        0,
    )
}
