//! Histograms without an observation.

use netmon_model::{fixtures, histogram::Histogram};

use super::{super::MAX_LINKS_WITH_EMPTY_BUCKETS, render};

#[test]
fn in_a_large_lab_a_histogram_has_no_buckets_before_its_first_observation() {
    let lines = |links: usize, icmp: Histogram| {
        let mut snapshot = fixtures::star(u32::try_from(links).unwrap());
        snapshot.links[0].a.round_trips.icmp = icmp;
        let text = render(&snapshot);
        let of_the_end = |line: &&str| {
            line.starts_with("netmon_icmp_rtt_seconds_") && line.contains("interface=\"veth0\"")
        };
        let lines: Vec<String> = text.lines().filter(of_the_end).map(str::to_owned).collect();
        lines
    };
    let max = MAX_LINKS_WITH_EMPTY_BUCKETS;
    assert_eq!(lines(max, Histogram::default()).len(), 56);
    let empty = lines(max + 1, Histogram::default());
    assert!(empty.len() == 2 && empty.iter().all(|line| line.ends_with(" 0")), "{empty:?}");
    assert!(empty[0].contains("_sum{") && empty[1].contains("_count{"), "{empty:?}");
    assert_eq!(lines(max + 1, fixtures::histogram_of([70_000])).len(), 56);
}
