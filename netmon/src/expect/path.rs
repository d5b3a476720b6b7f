//! Which links carried the packets of a kind of traffic: what netmon counted there meanwhile.
//!
//! Two things pass on a link that nobody sent for the expectation's sake, and that must not be taken for its
//! packets: what IPv6 says by itself (listener reports, router and neighbour solicitations: all ICMPv6), and what
//! still comes of the expectation before, such as the end of a connection. The first is not counted, the second
//! is waited for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use netmon_model::{
    histogram::Total,
    lab::{Expectation, Traffic},
    names::LinkName,
};
use tokio::time::sleep;

use crate::api::{
    Endpoint, LinkDirection, Links, ProtocolCount,
    client::{Client, ClientError},
};

/// Counts that stood still for so long are those of packets that have all passed.
const STILL: Duration = Duration::from_millis(100);
/// Somebody else may send all the time: that is not waited for any longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// What was counted on the links that an expectation names.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<LinkName, Count>);

/// What was counted on a link.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Packets of the expectation's traffic, by the end that they left.
    left: [u64; 2],
    /// One-way latencies of everything that crossed it, by direction; none where they are not measured.
    latencies: Option<[Total; 2]>,
}

/// What passed a link meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Packets of the expectation's traffic, at the end that more of them left.
    pub packets: u64,
    /// The mean one-way latency of everything that crossed it, in the direction where it is longer; none where nothing
    /// crossed it, or it is not measured.
    pub latency_ns: Option<u64>,
}

impl Counts {
    /// The counts as soon as they stand still. Nothing is asked for an expectation that names no link.
    pub(super) async fn settled(client: &Client, expectation: &Expectation) -> Result<Self, ClientError> {
        if expectation.links().next().is_none() {
            return Ok(Self::default());
        }
        settled(async || Self::read(client, expectation).await, Self::stands_as).await
    }

    async fn read(client: &Client, expectation: &Expectation) -> Result<Self, ClientError> {
        let said: Links = client.get("/api/v1/links").await?;
        let named = |name: &LinkName| expectation.links().any(|link| link == name);
        let left = |end: &Endpoint| packets(&end.egress.protocols, echo_requests(end), &expectation.traffic);
        let latency = |direction: &Option<LinkDirection>| {
            let latency = direction.as_ref()?.latency.as_ref()?;
            Some(Total { count: latency.count, sum_ns: latency.sum_ns })
        };
        let counts = said.links.iter().filter(|link| named(&link.name)).map(|link| {
            let latencies = latency(&link.a_to_b).zip(latency(&link.b_to_a)).map(<[Total; 2]>::from);
            (
                link.name.clone(),
                Count { left: [Some(&link.a), link.b.as_ref()].map(|end| end.map_or(0, left)), latencies },
            )
        });
        Ok(Self(counts.collect()))
    }

    /// Whether no packet of the traffic came on top.
    fn stands_as(&self, before: &Self) -> bool {
        let left = |counts: &Self| counts.0.values().map(|count| count.left).collect::<Vec<_>>();
        left(self) == left(before)
    }

    /// What came on top.
    pub(super) fn since(&self, before: &Self) -> BTreeMap<LinkName, Passage> {
        let more = |(name, now): (&LinkName, &Count)| {
            let then = before.0.get(name).copied().unwrap_or_default();
            let more = (0..2).map(|end| now.left[end].saturating_sub(then.left[end])).max();
            let means = now.latencies.zip(then.latencies).map(|(now, then)| {
                (0..2).filter_map(|direction| now[direction].since(then[direction]).mean_ns()).max()
            });
            (name.clone(), Passage { packets: more.unwrap_or(0), latency_ns: means.flatten() })
        };
        self.0.iter().map(more).collect()
    }
}

/// Reads again and again, until the same was read for [`STILL`].
async fn settled<C, E>(
    mut read: impl AsyncFnMut() -> Result<C, E>,
    is_same: impl Fn(&C, &C) -> bool,
) -> Result<C, E> {
    let began = Instant::now();
    let mut counts = read().await?;
    let mut since = Instant::now();
    while since.elapsed() < STILL && began.elapsed() < LONGEST_WAIT {
        sleep(PAUSE).await;
        let now = read().await?;
        if !is_same(&now, &counts) {
            since = Instant::now();
        }
        counts = now;
    }
    Ok(counts)
}

/// The packets that this traffic is made of, of those that left an end.
///
/// Of ICMPv6 only echo requests are counted apart, and at both hooks alike: each end of a link sees one that
/// crosses it once. Nobody but a person or a program asks for those of IPv4, so all ICMP counts there.
fn packets(left: &BTreeMap<String, ProtocolCount>, echo_requests: u64, traffic: &Traffic) -> u64 {
    let of = |is_it: &dyn Fn(&str) -> bool| -> u64 {
        left.iter().filter(|(name, _)| is_it(name)).map(|(_, count)| count.packets).sum()
    };
    match traffic {
        Traffic::Icmp(to) if to.is_ipv4() => of(&|protocol| protocol == "icmp"),
        Traffic::Icmp(_) => echo_requests,
        Traffic::Tcp(_) | Traffic::Http(_) => of(&|protocol| protocol == "tcp"),
        Traffic::Dns(_) => of(&|protocol| protocol == "udp"),
        // IPv4's echoes are in both.
        Traffic::Command(_) => of(&|protocol| !["arp", "icmpv6"].contains(&protocol)).max(echo_requests),
    }
}

/// Echo requests that passed an end, whatever became of them.
fn echo_requests(end: &Endpoint) -> u64 {
    let trips = &end.round_trips;
    trips.icmp.as_ref().map_or(0, |icmp| icmp.count) + trips.icmp_unanswered + trips.icmp_waiting
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn left(protocols: &[(&str, u64)]) -> BTreeMap<String, ProtocolCount> {
        let count = |packets| ProtocolCount { packets, bytes: 100 * packets };
        protocols.iter().map(|(name, packets)| ((*name).to_owned(), count(*packets))).collect()
    }

    fn ping(to: &str) -> Traffic {
        Traffic::Icmp(to.parse().unwrap())
    }

    fn program() -> Traffic {
        Traffic::Command(vec!["x".to_owned()])
    }

    #[test]
    fn what_ipv6_says_by_itself_is_nobodys_traffic() {
        let background = left(&[("icmpv6", 9), ("arp", 4)]);
        for traffic in [ping("fd00::2"), ping("10.0.0.2"), program()] {
            assert_eq!(packets(&background, 0, &traffic), 0, "{traffic}");
        }
    }

    #[test]
    fn echoes_count_in_both_families_and_once() {
        let six = left(&[("icmpv6", 29)]);
        assert_eq!((packets(&six, 20, &ping("fd00::2")), packets(&six, 20, &program())), (20, 20));
        let four = left(&[("icmp", 20)]);
        assert_eq!((packets(&four, 20, &ping("10.0.0.2")), packets(&four, 20, &program())), (20, 20));
    }

    #[tokio::test]
    async fn counts_are_read_until_they_stand_still() {
        let mut left = 5;
        let read = async || {
            left = (left - 1).max(0);
            Ok::<i32, Infallible>(left)
        };
        assert_eq!(settled(read, i32::eq).await, Ok(0));
    }

    #[tokio::test]
    async fn somebody_who_sends_all_the_time_is_not_waited_for_for_ever() {
        let mut count = 0;
        let read = async || {
            count += 1;
            Ok::<i32, Infallible>(count)
        };
        assert!(settled(read, i32::eq).await.is_ok_and(|count| count > 10));
    }

    #[test]
    fn a_passage_is_what_came_on_top_at_the_busier_end_and_in_the_slower_direction() {
        let total = |count, sum_ns| Total { count, sum_ns };
        let of = |left, latencies| {
            Counts([("cable".parse().unwrap(), Count { left, latencies: Some(latencies) })].into())
        };
        let before = of([10, 20], [total(5, 5_000), total(7, 70_000)]);
        let after = of([13, 25], [total(7, 9_000), total(11, 78_000)]);
        let passage = Passage { packets: 5, latency_ns: Some(2_000) };
        assert_eq!(after.since(&before).into_values().collect::<Vec<_>>(), [passage]);
        let silence = before.since(&before).into_values().next().unwrap();
        assert_eq!(silence, Passage::default());
    }
}
