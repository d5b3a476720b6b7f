//! The bounds of a history, and that merging loses nothing.

use std::time::SystemTime;

use fastrand::Rng;
use netmon_model::{
    by::Ends,
    fixtures::{self, histogram_of},
    histogram::Total,
    names::EndpointId,
};

use super::*;
use crate::live::{DirectionDelta, EndDelta};

const SECOND: u64 = 1_000_000_000;

/// Returns what a busy second leaves.
fn busy(numbers: &mut Rng) -> LinkDelta {
    let mut direction = || {
        let packets = numbers.u64(1..2000);
        let latency = histogram_of((0..20).map(|_| 20_000 << numbers.u64(..5)).collect::<Vec<_>>());
        let wire_bytes = 900 * packets;
        Some(DirectionDelta {
            packets,
            wire_bytes,
            arrived_packets: packets,
            lost: Some(1),
            latency: Some(latency),
        })
    };
    let directions = Ends::from_fn(|_| direction());
    let end = EndDelta { icmp: Total { count: 1, sum_ns: 70_000 }, retransmits: 1, ..EndDelta::default() };
    LinkDelta { directions, ends: Ends { a: Some(end), b: Some(end) } }
}

/// A lab with a history, whose time goes on by itself.
struct Lab {
    snapshot: Snapshot,
    history: History,
    /// What happened on the first link since the beginning.
    sum: LinkDelta,
    numbers: Rng,
}

impl Lab {
    fn new(links: u32, max_bytes: usize) -> Self {
        let snapshot = Snapshot {
            monotonic_ns: 5000 * SECOND,
            taken_at: SystemTime::UNIX_EPOCH,
            ..fixtures::star(links)
        };
        let history = History::new(max_bytes);
        Self { snapshot, history, sum: LinkDelta::default(), numbers: Rng::with_seed(5) }
    }

    fn push(&mut self) {
        let kinds: Vec<LinkDelta> = (0..16).map(|_| busy(&mut self.numbers)).collect();
        let links: Vec<_> =
            (0..self.snapshot.links.len()).map(|at| Some(kinds[at % kinds.len()].clone())).collect();
        self.sum.add(links[0].as_ref().unwrap());
        self.snapshot.monotonic_ns += SECOND;
        self.history.push(&self.snapshot, SECOND, &links);
    }

    fn order(&self) -> Vec<LinkKey> {
        self.snapshot.links.iter().map(LinkKey::from).collect()
    }

    /// Returns all windows, as a client gets them.
    fn windows(&self) -> Vec<Past> {
        let (mut after, order) = (0, self.order());
        let next = || {
            let past = self.history.after(after, &order)?;
            after = past.end_ns();
            Some(past)
        };
        std::iter::from_fn(next).collect()
    }
}

#[test]
fn the_last_two_minutes_are_seconds_and_what_is_older_is_coarser() {
    let mut lab = Lab::new(1, 1 << 24);
    (0..1200).for_each(|_| lab.push());
    let windows = lab.windows();
    let lengths: Vec<u64> = windows.iter().map(|past| past.length_ns() / SECOND).collect();
    assert!(lengths.iter().rev().take(120).all(|length| *length == 1), "{lengths:?}");
    let total: u64 = lengths.iter().sum();
    assert!((895..=910).contains(&total), "{total} s");
    assert!(lengths.iter().filter(|length| **length == 10).count() > 55, "{lengths:?}");
    assert!(lengths.iter().filter(|length| **length == 5).count() > 30, "{lengths:?}");
    assert!(windows.len() < 230, "{} windows", windows.len());
    let gapless = windows.windows(2).all(|pair| pair[0].end_ns() == pair[1].frame.start_ns);
    assert!(gapless, "each begins where the one before ended");
}

#[test]
fn merging_keeps_every_sum() {
    let mut lab = Lab::new(3, 1 << 24);
    (0..800).for_each(|_| lab.push());
    let mut sum = LinkDelta::default();
    lab.windows().iter().for_each(|past| sum.add(past.links()[0].as_ref().unwrap()));
    assert_eq!(sum, lab.sum);
}

#[test]
fn a_thousand_busy_links_make_it_coarser_and_not_larger() {
    let max_bytes = 2 << 20;
    let mut lab = Lab::new(1000, max_bytes);
    for _ in 0..90 {
        lab.push();
        assert!(lab.history.bytes() <= max_bytes, "{} bytes", lab.history.bytes());
    }
    assert!(lab.history.bytes() > max_bytes / 2, "{} bytes: the memory is used", lab.history.bytes());
    let windows = lab.windows();
    let total: u64 = windows.iter().map(|past| past.length_ns() / SECOND).sum();
    assert_eq!(total, 90, "all the time is covered");
    let (oldest, newest) = (windows[0].length_ns(), windows.last().unwrap().length_ns());
    assert!(newest < oldest, "the newest window is the finest");
    let mut sum = LinkDelta::default();
    windows.iter().for_each(|past| sum.add(past.links()[0].as_ref().unwrap()));
    assert_eq!(sum, lab.sum);
}

#[test]
fn a_bound_too_small_for_one_window_leaves_no_history() {
    let mut lab = Lab::new(100, 1000);
    (0..3).for_each(|_| lab.push());
    assert!(lab.windows().is_empty());
}

#[test]
fn windows_are_in_the_order_of_todays_links_and_new_links_have_none() {
    let mut lab = Lab::new(3, 1 << 24);
    lab.push();
    lab.snapshot.links.swap(0, 2);
    lab.push();
    let (first, second) = (lab.windows()[0].links(), lab.windows()[1].links());
    assert!(first.iter().chain(&second).all(Option::is_some));
    // The first link of the second window was the third one of the first.
    let sum = lab.history.frames[0].links().nth(2).unwrap().1;
    assert_eq!(first[0].as_ref(), Some(&sum));

    lab.snapshot.links[1].a.id = EndpointId(7000);
    assert_eq!(lab.windows()[1].links().iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn the_numbers_of_links_that_are_gone_are_used_again() {
    let mut lab = Lab::new(10, 1 << 24);
    let mut next_slot = 10_000;
    let mut most = 0;
    for _ in 0..2000 {
        for link in &mut lab.snapshot.links {
            link.a.id = EndpointId(next_slot);
            next_slot += 1;
        }
        lab.snapshot.monotonic_ns += 10 * SECOND;
        let links = vec![Some(LinkDelta::default()); 10];
        lab.history.push(&lab.snapshot, SECOND, &links);
        most = most.max(lab.history.keys.len());
    }
    assert!(most < 4000, "{most} of 20,000 links");
    assert!(lab.windows().last().unwrap().links().iter().all(Option::is_some));
}
