//! netem (tc-netem(8)), which delays each packet.
//!
//! Only the delay and its jitter are set. Loss is a program of netmon's own, which also works without netem.

use netmon_model::impairment::Netem;
use rtnetlink::packet_core::{DefaultNla, Emitable as _, NlasIterator};

/// The kind of the qdisc.
pub const KIND: &str = "netem";
/// `TCA_NETEM_LATENCY64`, `TCA_NETEM_JITTER64` (`linux/pkt_sched.h`, Linux 4.16), in nanoseconds. The structure has ticks
/// of 64 ns instead, which end at 275 s.
const LATENCY64: u16 = 10;
const JITTER64: u16 = 11;
/// Bytes of `struct tc_netem_qopt`, which precedes the attributes: latency, limit, loss, gap, duplicate, jitter.
const STRUCTURE: usize = 24;
const TICK_NS: u64 = 64;

/// Returns the content of `TCA_OPTIONS`.
pub(super) fn options(netem: Netem) -> Vec<u8> {
    let ticks = |ns: u64| u32::try_from(ns / TICK_NS).unwrap_or(u32::MAX);
    let words = [ticks(netem.delay_ns), netem.limit, 0, 0, 0, ticks(netem.jitter_ns)];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    let exact = [
        DefaultNla::new(LATENCY64, netem.delay_ns.to_ne_bytes().to_vec()),
        DefaultNla::new(JITTER64, netem.jitter_ns.to_ne_bytes().to_vec()),
    ];
    let start = bytes.len();
    bytes.resize(start + exact.as_slice().buffer_len(), 0);
    exact.as_slice().emit(&mut bytes[start..]);
    bytes
}

/// Reads the content of `TCA_OPTIONS`. Returns `None` if it is not that of a netem.
pub(super) fn read(options: &[u8]) -> Option<Netem> {
    let (structure, attributes) = options.split_at_checked(STRUCTURE)?;
    let words: Vec<u32> = structure
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_ne_bytes(word.try_into().ok()?)))
        .collect();
    let &[latency, limit, .., jitter] = words.as_slice() else { return None };
    let (mut delay_ns, mut jitter_ns) = (u64::from(latency) * TICK_NS, u64::from(jitter) * TICK_NS);
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.ok()?;
        let exact = || Some(u64::from_ne_bytes(attribute.value().try_into().ok()?));
        match attribute.kind() {
            LATENCY64 => delay_ns = exact()?,
            JITTER64 => jitter_ns = exact()?,
            _ => {}
        }
    }
    Some(Netem { delay_ns, jitter_ns, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_the_one_that_tc_sends_and_nanoseconds_follow_it() {
        let netem = Netem { delay_ns: 10_000_000, jitter_ns: 1_000_000, limit: 10_000 };
        let bytes = options(netem);
        // From a trace of `tc qdisc add dev lo root netem delay 10ms 1ms limit 10000`, iproute2 6.1, x86-64.
        let by_tc =
            [0x5a, 0x62, 0x02, 0x00, 0x10, 0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x09, 0x3d, 0, 0];
        assert_eq!(bytes[..STRUCTURE], by_tc);
        let [latency, jitter] = [10_000_000_u64, 1_000_000].map(u64::to_ne_bytes);
        let header = |kind: u16| [12_u16.to_ne_bytes(), kind.to_ne_bytes()].concat();
        assert_eq!(bytes[STRUCTURE..], [header(10), latency.to_vec(), header(11), jitter.to_vec()].concat());
    }

    #[test]
    fn what_is_set_is_what_is_read() {
        let netem = Netem { delay_ns: 1_234_567_891, jitter_ns: 7, limit: 42 };
        assert_eq!(read(&options(netem)), Some(netem));
        // An older kernel reports ticks only.
        let ticks = read(&options(netem)[..STRUCTURE]).unwrap();
        assert!(netem.delay_ns - ticks.delay_ns < TICK_NS && ticks.limit == 42, "{ticks:?}");
        for short in 0..STRUCTURE {
            assert_eq!(read(&options(netem)[..short]), None);
        }
    }
}
