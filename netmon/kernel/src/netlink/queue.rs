//! The qdiscs of an impairment, under handles of netmon's own, by which they are known: whatever else is at the root of
//! an interface is somebody else's.

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

/// "nm": the root.
const ROOT: TcHandle = TcHandle { major: 0x6e6d, minor: 0 };
/// "nn": below a netem, whose only class is 1.
const BELOW: TcHandle = TcHandle { major: 0x6e6e, minor: 0 };
const NETEM_CLASS: TcHandle = TcHandle { major: 0x6e6d, minor: 1 };

/// Where one of netmon's qdiscs hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// At the root.
    Root,
    /// Below a netem of netmon's.
    Below,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// Packets are held for a while.
    Netem(Netem),
    /// Packets leave at a rate.
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

    /// Whether a qdisc is netmon's, in this position.
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

/// Puts a qdisc before an interface; it is an error if one that is not the kernel's own is there.
#[must_use]
pub fn add(index: IfIndex, name: &str, position: Position, discipline: Discipline) -> Request {
    Request::new(
        format!("put a {} before interface {name}", discipline.kind()),
        RouteNetlinkMessage::NewQueueDiscipline(discipline.describe(position.message(index))),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Changes the parameters of one that is there, and keeps what waits in it and what it counted.
#[must_use]
pub fn change(index: IfIndex, name: &str, position: Position, discipline: Discipline) -> Request {
    Request::new(
        format!("change the {} before interface {name}", discipline.kind()),
        RouteNetlinkMessage::NewQueueDiscipline(discipline.describe(position.message(index))),
        0,
    )
}

/// Takes netmon's root away, with what is below it. What waits in it is thrown away.
#[must_use]
pub fn delete(index: IfIndex, name: &str) -> Request {
    Request::new(
        format!("take the queue from before interface {name}"),
        RouteNetlinkMessage::DelQueueDiscipline(Position::Root.message(index)),
        0,
    )
}
