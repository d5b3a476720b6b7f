//! What happened on one link, as a few bytes: an idle link takes four.
//!
//! Each part begins with a byte of flags, which say what is known and whether it is zero. A histogram is its buckets from
//! the first to the last in use.

use netmon_model::{
    by::Ends,
    histogram::{Histogram, Total},
};

use super::varint::{read, write};
use crate::live::{DirectionDelta, EndDelta, LinkDelta};

const KNOWN: u8 = 1;
const BUSY: u8 = 2;
/// In a direction: losses are measured. At an end: drops are reported.
const LOSS: u8 = 4;
/// In a direction: latency is measured. At an end: round trips of data are.
const TIMES: u8 = 8;
/// In a direction: there are latencies.
const SAMPLES: u8 = 16;

/// Appends a link.
pub(super) fn write_link(bytes: &mut Vec<u8>, link: &LinkDelta) {
    for direction in link.directions.iter() {
        write_direction(bytes, direction.as_ref());
    }
    for end in link.ends.iter() {
        write_end(bytes, end.as_ref());
    }
}

/// Takes a link from the front. Returns `None` at the end.
pub(super) fn read_link(bytes: &mut &[u8]) -> Option<LinkDelta> {
    let directions = Ends { a: read_direction(bytes)?, b: read_direction(bytes)? };
    let ends = Ends { a: read_end(bytes)?, b: read_end(bytes)? };
    Some(LinkDelta { directions, ends })
}

fn flag(is_set: bool, flag: u8) -> u8 {
    if is_set { flag } else { 0 }
}

fn write_direction(bytes: &mut Vec<u8>, direction: Option<&DirectionDelta>) {
    let Some(direction) = direction else { return bytes.push(0) };
    let DirectionDelta { packets, wire_bytes, arrived_packets, lost, latency } = direction;
    let numbers = [*packets, *wire_bytes, *arrived_packets, lost.unwrap_or(0)];
    let is_busy = numbers.iter().any(|number| *number > 0);
    let samples = latency.as_ref().filter(|latency| **latency != Histogram::default());
    bytes.push(
        KNOWN
            | flag(is_busy, BUSY)
            | flag(lost.is_some(), LOSS)
            | flag(latency.is_some(), TIMES)
            | flag(samples.is_some(), SAMPLES),
    );
    if is_busy {
        numbers.into_iter().for_each(|number| write(bytes, number));
    }
    if let Some(samples) = samples {
        write_histogram(bytes, samples);
    }
}

/// The outer `None` is the end of the bytes, the inner one a direction that is not known.
fn read_direction(bytes: &mut &[u8]) -> Option<Option<DirectionDelta>> {
    let flags = read_flags(bytes)?;
    if flags & KNOWN == 0 {
        return Some(None);
    }
    let [packets, wire_bytes, arrived_packets, lost] = read_numbers(bytes, flags)?;
    let latency = match flags & (TIMES | SAMPLES) {
        0 => None,
        TIMES => Some(Histogram::default()),
        _ => Some(read_histogram(bytes)?),
    };
    let lost = (flags & LOSS > 0).then_some(lost);
    Some(Some(DirectionDelta { packets, wire_bytes, arrived_packets, lost, latency }))
}

fn write_end(bytes: &mut Vec<u8>, end: Option<&EndDelta>) {
    let Some(EndDelta { icmp, tcp_rtt, retransmits, dropped }) = end else { return bytes.push(0) };
    let rtt = tcp_rtt.unwrap_or_default();
    let numbers = [icmp.count, icmp.sum_ns, rtt.count, rtt.sum_ns, *retransmits, dropped.unwrap_or_default()];
    let is_busy = numbers.iter().any(|number| *number > 0);
    bytes.push(KNOWN | flag(is_busy, BUSY) | flag(dropped.is_some(), LOSS) | flag(tcp_rtt.is_some(), TIMES));
    if is_busy {
        numbers.into_iter().for_each(|number| write(bytes, number));
    }
}

/// The outer `None` is the end of the bytes, the inner one an end that is not known.
fn read_end(bytes: &mut &[u8]) -> Option<Option<EndDelta>> {
    let flags = read_flags(bytes)?;
    if flags & KNOWN == 0 {
        return Some(None);
    }
    let [echoes, echoes_ns, count, sum_ns, retransmits, dropped] = read_numbers(bytes, flags)?;
    Some(Some(EndDelta {
        icmp: Total { count: echoes, sum_ns: echoes_ns },
        tcp_rtt: (flags & TIMES > 0).then_some(Total { count, sum_ns }),
        retransmits,
        dropped: (flags & LOSS > 0).then_some(dropped),
    }))
}

fn read_flags(bytes: &mut &[u8]) -> Option<u8> {
    let (flags, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*flags)
}

/// Takes the numbers of a part, which are zero unless it is busy.
fn read_numbers<const N: usize>(bytes: &mut &[u8], flags: u8) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    if flags & BUSY > 0 {
        for number in &mut numbers {
            *number = read(bytes)?;
        }
    }
    Some(numbers)
}

fn write_histogram(bytes: &mut Vec<u8>, histogram: &Histogram) {
    let (first, counts) = histogram.used();
    for number in [histogram.count, histogram.sum_ns, first as u64, counts.len() as u64] {
        write(bytes, number);
    }
    counts.iter().for_each(|count| write(bytes, *count));
}

fn read_histogram(bytes: &mut &[u8]) -> Option<Histogram> {
    let (count, sum_ns) = (read(bytes)?, read(bytes)?);
    let (first, length) = (read(bytes)? as usize, read(bytes)?);
    let counts: Vec<u64> = (0..length).map(|_| read(bytes)).collect::<Option<_>>()?;
    Some(Histogram::from_used(first, &counts, sum_ns, count))
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::histogram_of;

    use super::*;

    fn busy() -> LinkDelta {
        let direction = DirectionDelta {
            packets: 3,
            wire_bytes: 4000,
            arrived_packets: 2,
            lost: Some(1),
            latency: Some(histogram_of([4000, 5000, 1 << 35])),
        };
        let total = |count| Total { count, sum_ns: 1000 * count };
        let end = EndDelta { icmp: total(3), tcp_rtt: Some(total(9)), retransmits: 1, dropped: Some(300) };
        let unmeasured = DirectionDelta { lost: None, latency: None, ..direction.clone() };
        LinkDelta {
            directions: Ends { a: Some(direction), b: Some(unmeasured) },
            ends: Ends { a: Some(end), b: Some(EndDelta { tcp_rtt: None, dropped: None, ..end }) },
        }
    }

    fn idle() -> LinkDelta {
        let direction = DirectionDelta {
            lost: Some(0),
            latency: Some(Histogram::default()),
            ..DirectionDelta::default()
        };
        LinkDelta {
            directions: Ends { a: Some(direction), b: Some(DirectionDelta::default()) },
            ends: Ends { a: Some(EndDelta::default()), b: None },
        }
    }

    #[test]
    fn links_read_back_as_they_were_and_an_idle_one_is_short() {
        let links = [busy(), idle(), LinkDelta::default(), busy()];
        let mut bytes = Vec::new();
        links.iter().for_each(|link| write_link(&mut bytes, link));
        let mut rest = bytes.as_slice();
        assert!(links.iter().all(|link| read_link(&mut rest).as_ref() == Some(link)));
        assert_eq!((rest, read_link(&mut rest)), ([].as_slice(), None));

        let mut bytes = Vec::new();
        write_link(&mut bytes, &idle());
        assert_eq!(bytes.len(), 4);
    }

    #[test]
    fn bytes_that_end_too_early_are_no_link() {
        let mut bytes = Vec::new();
        write_link(&mut bytes, &busy());
        for length in 0..bytes.len() {
            assert_eq!(read_link(&mut &bytes[..length]), None, "{length} of {} bytes", bytes.len());
        }
    }
}
