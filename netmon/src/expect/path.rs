//! Which links carried the packets of an expectation, by netmon's counters before and after.
//!
//! Two kinds of packets on a link do not belong to the expectation: those that IPv6 sends on its own (listener reports,
//! router and neighbour solicitations, all of them ICMPv6), and late packets of the previous expectation, such as the
//! end of a connection. The former are not counted. The latter are waited for.

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

/// All packets have passed once the counts have not changed for this long.
const STILL: Duration = Duration::from_millis(100);
/// Wait no longer than this: another program may be sending all the time.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Pause between two readings.
const PAUSE: Duration = Duration::from_millis(10);

/// The counts on the links that an expectation names.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<LinkName, Count>);

/// The counts on one link.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Packets of the expectation's traffic, by the end that they left from.
    left: [u64; 2],
    /// One-way latencies of all packets, by direction. `None` if they are not measured.
    latencies: Option<[Total; 2]>,
}

/// What crossed a link during an expectation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkTraffic {
    /// Packets of the expectation's traffic, at the end that sent more of them.
    pub packets: u64,
    /// The mean one-way latency of all packets, in the direction where it is longer. `None` if no packet crossed the link
    /// or latency is not measured.
    pub latency_ns: Option<u64>,
}

impl Counts {
    /// Reads the counts once they no longer change. An expectation that names no link needs no request.
    pub(super) async fn settled(client: &Client, expectation: &Expectation) -> Result<Self, ClientError> {
        if expectation.links().next().is_none() {
            return Ok(Self::default());
        }
        settled(async || Self::read(client, expectation).await, Self::is_unchanged).await
    }

    async fn read(client: &Client, expectation: &Expectation) -> Result<Self, ClientError> {
        let links: Links = client.get("/api/v1/links").await?;
        let named = |name: &LinkName| expectation.links().any(|link| link == name);
        let left = |end: &Endpoint| packets(&end.egress.protocols, echo_requests(end), &expectation.traffic);
        let latency = |direction: &Option<LinkDirection>| {
            let latency = direction.as_ref()?.latency.as_ref()?;
            Some(Total { count: latency.count, sum_ns: latency.sum_ns })
        };
        let counts = links.links.iter().filter(|link| named(&link.name)).map(|link| {
            let latencies = latency(&link.a_to_b).zip(latency(&link.b_to_a)).map(<[Total; 2]>::from);
            (
                link.name.clone(),
                Count { left: [Some(&link.a), link.b.as_ref()].map(|end| end.map_or(0, left)), latencies },
            )
        });
        Ok(Self(counts.collect()))
    }

    /// Returns whether no packet of the traffic has passed since `before`.
    fn is_unchanged(&self, before: &Self) -> bool {
        let left = |counts: &Self| counts.0.values().map(|count| count.left).collect::<Vec<_>>();
        left(self) == left(before)
    }

    /// Returns what has crossed each link since `before`.
    pub(super) fn since(&self, before: &Self) -> BTreeMap<LinkName, LinkTraffic> {
        let more = |(name, now): (&LinkName, &Count)| {
            let then = before.0.get(name).copied().unwrap_or_default();
            let more = (0..2).map(|end| now.left[end].saturating_sub(then.left[end])).max();
            let means = now.latencies.zip(then.latencies).map(|(now, then)| {
                (0..2).filter_map(|direction| now[direction].since(then[direction]).mean_ns()).max()
            });
            (name.clone(), LinkTraffic { packets: more.unwrap_or(0), latency_ns: means.flatten() })
        };
        self.0.iter().map(more).collect()
    }
}

/// Reads until the result has been the same for [`STILL`], or for [`MAX_WAIT`].
async fn settled<C, E>(
    mut read: impl AsyncFnMut() -> Result<C, E>,
    is_same: impl Fn(&C, &C) -> bool,
) -> Result<C, E> {
    let began = Instant::now();
    let mut counts = read().await?;
    let mut since = Instant::now();
    while since.elapsed() < STILL && began.elapsed() < MAX_WAIT {
        sleep(PAUSE).await;
        let now = read().await?;
        if !is_same(&now, &counts) {
            since = Instant::now();
        }
        counts = now;
    }
    Ok(counts)
}

/// Returns the number of packets of this traffic among those that left an end.
///
/// Of ICMPv6, echo requests alone are counted separately. They are counted at both hooks, so each end of a link counts a
/// request that crosses it once. IPv4 sends no ICMP on its own unless a program causes it, so all of it counts.
fn packets(left: &BTreeMap<String, ProtocolCount>, echo_requests: u64, traffic: &Traffic) -> u64 {
    let of = |is_it: &dyn Fn(&str) -> bool| -> u64 {
        left.iter().filter(|(name, _)| is_it(name)).map(|(_, count)| count.packets).sum()
    };
    match traffic {
        Traffic::Icmp(to) if to.is_ipv4() => of(&|protocol| protocol == "icmp"),
        Traffic::Icmp(_) => echo_requests,
        Traffic::Tcp(_) | Traffic::Http(_) => of(&|protocol| protocol == "tcp"),
        Traffic::Dns(_) => of(&|protocol| protocol == "udp"),
        // IPv4 echo requests are in both numbers.
        Traffic::Command(_) => of(&|protocol| !["arp", "icmpv6"].contains(&protocol)).max(echo_requests),
    }
}

/// Returns the number of echo requests that passed an end: answered with and without a round trip, unanswered, waiting,
/// and those that passed again.
fn echo_requests(end: &Endpoint) -> u64 {
    let trips = &end.round_trips;
    let answered = trips.icmp.as_ref().map_or(0, |icmp| icmp.count) + trips.icmp_unsampled;
    answered + trips.icmp_unanswered + trips.icmp_waiting + trips.icmp_repeated
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
    fn packets_that_ipv6_sends_on_its_own_are_not_counted() {
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
    async fn counts_are_read_until_they_no_longer_change() {
        let mut left = 5;
        let read = async || {
            left = (left - 1).max(0);
            Ok::<i32, Infallible>(left)
        };
        assert_eq!(settled(read, i32::eq).await, Ok(0));
    }

    #[tokio::test]
    async fn waiting_for_counts_to_settle_has_a_bound() {
        let mut count = 0;
        let read = async || {
            count += 1;
            Ok::<i32, Infallible>(count)
        };
        assert!(settled(read, i32::eq).await.is_ok_and(|count| count > 10));
    }

    #[test]
    fn link_traffic_is_that_of_the_busier_end_and_the_slower_direction() {
        let total = |count, sum_ns| Total { count, sum_ns };
        let of = |left, latencies| {
            Counts([("cable".parse().unwrap(), Count { left, latencies: Some(latencies) })].into())
        };
        let before = of([10, 20], [total(5, 5_000), total(7, 70_000)]);
        let after = of([13, 25], [total(7, 9_000), total(11, 78_000)]);
        let passage = LinkTraffic { packets: 5, latency_ns: Some(2_000) };
        assert_eq!(after.since(&before).into_values().collect::<Vec<_>>(), [passage]);
        let silence = before.since(&before).into_values().next().unwrap();
        assert_eq!(silence, LinkTraffic::default());
    }
}
