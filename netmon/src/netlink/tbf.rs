//! The token bucket (tc-tbf(8)): a rate, and a queue of a known length. Set only: what it dropped is in [`super::qdisc`].

use rtnetlink::{
    packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcHandle, TcMessage, TcOption},
    },
};

use super::Request;
use crate::names::IfIndex;

/// `TCA_TBF_PARMS`, `TCA_TBF_BURST` (`linux/pkt_sched.h`).
const PARMS: u16 = 1;
const BURST: u16 = 6;
/// `TC_LINKLAYER_ETHERNET`: the kernel then reckons without a table.
const ETHERNET: u8 = 1;

/// How a token bucket is filled and how long its queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Bytes a second.
    pub rate: u32,
    /// Bytes that may pass at once.
    pub burst: u32,
    /// Bytes that may wait.
    pub limit: u32,
}

impl TokenBucket {
    /// `struct tc_tbf_qopt`: the rate, no peak rate, the limit; the buffer comes as [`BURST`].
    fn parameters(self) -> Vec<u8> {
        let mut bytes = vec![0, ETHERNET, 0, 0, 0, 0, 0, 0];
        bytes.extend(self.rate.to_ne_bytes());
        bytes.extend([0; 12]);
        bytes.extend(self.limit.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes
    }
}

/// Puts a token bucket before an interface that has no qdisc of its own.
#[must_use]
pub fn add(index: IfIndex, name: &str, bucket: TokenBucket) -> Request {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle { major: 1, minor: 0 };
    let option = |kind, value| TcOption::Other(DefaultNla::new(kind, value));
    message.attributes.push(TcAttribute::Kind("tbf".to_owned()));
    message.attributes.push(TcAttribute::Options(vec![
        option(PARMS, bucket.parameters()),
        option(BURST, bucket.burst.to_ne_bytes().to_vec()),
    ]));
    Request::new(
        format!("put a token bucket before interface {name}"),
        RouteNetlinkMessage::NewQueueDiscipline(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}
