//! The token bucket (tc-tbf(8)): a rate, and a queue of a known length. Its drops are in [`super::qdisc`].

use netmon_model::{impairment::TokenBucket, names::IfIndex};
use rtnetlink::{
    packet_core::{DefaultNla, Emitable as _, NLM_F_CREATE, NLM_F_EXCL, NlasIterator},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcHandle, TcMessage},
    },
};

use super::{Request, qdisc};

/// The kind of the qdisc.
pub const KIND: &str = "tbf";
/// `TCA_TBF_PARMS`, `TCA_TBF_RATE64`, `TCA_TBF_BURST` (`linux/pkt_sched.h`).
const PARMS: u16 = 1;
const RATE64: u16 = 4;
const BURST: u16 = 6;
/// Offsets of the rate, the limit and the buffer in `struct tc_tbf_qopt`.
const RATE_AT: usize = 8;
const LIMIT_AT: usize = 24;
const BUFFER_AT: usize = 28;
/// The unit of a buffer's time, in nanoseconds (`PSCHED_SHIFT`).
const TICK_NS: u64 = 64;
/// `TC_LINKLAYER_ETHERNET`: the kernel then computes without a table.
const ETHERNET: u8 = 1;

/// `struct tc_tbf_qopt`: the rate, no peak rate, and the limit. The buffer is sent as [`BURST`].
fn parameters(bucket: TokenBucket) -> Vec<u8> {
    let mut bytes = vec![0, ETHERNET, 0, 0, 0, 0, 0, 0];
    // A higher rate is in RATE64.
    bytes.extend(u32::try_from(bucket.rate).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend([0; 12]);
    bytes.extend(bucket.limit.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// Returns the content of `TCA_OPTIONS`.
pub(super) fn options(bucket: TokenBucket) -> Vec<u8> {
    let mut options = vec![DefaultNla::new(PARMS, parameters(bucket))];
    if u32::try_from(bucket.rate).is_err() {
        options.push(DefaultNla::new(RATE64, bucket.rate.to_ne_bytes().to_vec()));
    }
    options.push(DefaultNla::new(BURST, bucket.burst.to_ne_bytes().to_vec()));
    let mut bytes = vec![0; options.as_slice().buffer_len()];
    options.as_slice().emit(&mut bytes);
    bytes
}

/// Reads the content of `TCA_OPTIONS`. Returns `None` if it is not that of a token bucket.
///
/// The kernel reports the burst as a time, so it is rounded.
pub(super) fn read(options: &[u8]) -> Option<TokenBucket> {
    let (mut parameters, mut rate) = (None, None);
    for attribute in NlasIterator::new(options) {
        let attribute = attribute.ok()?;
        match attribute.kind() {
            PARMS => parameters = Some(attribute.value().to_vec()),
            RATE64 => rate = Some(u64::from_ne_bytes(attribute.value().try_into().ok()?)),
            _ => {}
        }
    }
    let parameters = parameters?;
    let word = |at: usize| {
        parameters.get(at..at + 4).and_then(|word| Some(u32::from_ne_bytes(word.try_into().ok()?)))
    };
    let rate = rate.or(word(RATE_AT).map(u64::from))?;
    let burst = u128::from(word(BUFFER_AT)?) * u128::from(TICK_NS) * u128::from(rate) / 1_000_000_000;
    Some(TokenBucket { rate, burst: u32::try_from(burst).ok()?, limit: word(LIMIT_AT)? })
}

/// Adds a token bucket to an interface that has only the kernel's default qdisc.
#[must_use]
pub fn add(index: IfIndex, name: &str, bucket: TokenBucket) -> Request {
    let message = message(index, bucket);
    Request::new(format!("add a token bucket to interface {name}"), message, NLM_F_CREATE | NLM_F_EXCL)
}

/// Changes the token bucket of [`add`]. What waits in it stays, and the new rate holds from the next packet on.
#[must_use]
pub fn change(index: IfIndex, name: &str, bucket: TokenBucket) -> Request {
    Request::new(format!("change the token bucket of interface {name}"), message(index, bucket), 0)
}

fn message(index: IfIndex, bucket: TokenBucket) -> RouteNetlinkMessage {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle { major: 1, minor: 0 };
    message.attributes.push(TcAttribute::Kind(KIND.to_owned()));
    message.attributes.push(qdisc::options(options(bucket)));
    RouteNetlinkMessage::NewQueueDiscipline(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_what_is_read() {
        for rate in [125, 1_250_000, 12_500_000_000] {
            let bucket = TokenBucket { rate, burst: 6_250, limit: 62_500 };
            // The kernel answers with the buffer in ticks, where a request has zero and a separate burst.
            let mut answer = options(bucket);
            let ticks = (6_250 * 1_000_000_000_u64 / rate / TICK_NS) as u32;
            answer[4 + BUFFER_AT..4 + BUFFER_AT + 4].copy_from_slice(&ticks.to_ne_bytes());
            let read = read(&answer).unwrap();
            assert!(read.is_like(bucket) && read.burst.abs_diff(bucket.burst) <= 800, "{read:?}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[8, 0, 1, 0, 1, 2, 3, 4]), None);
        assert_eq!(read(&[255, 0, 1, 0]), None);
    }
}
