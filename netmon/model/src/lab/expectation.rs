//! Expectations of a lab: what is attempted, and what the outcome must be.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use crate::{
    impairment::Rate,
    names::{LinkName, NsName},
};

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Its name in reports.
    pub name: String,
    /// The namespace of the attempts: `root`, or one of the lab's.
    pub from: NsName,
    /// What is attempted.
    pub traffic: Traffic,
    /// The number of attempts.
    pub count: u32,
    /// Whether the attempts must succeed. Otherwise all must fail.
    pub reachable: bool,
    /// The expected status of an HTTP response. `None` for any from 200 to 399.
    pub status: Option<u16>,
    /// At most this many attempts in a million may fail.
    pub lost_at_most_ppm: u32,
    /// An upper bound of the median.
    pub p50_below: Option<Duration>,
    /// An upper bound of the 99th percentile.
    pub p99_below: Option<Duration>,
    /// An upper bound of the mean one-way latency of the links that are crossed.
    pub link_latency_below: Option<Duration>,
    /// The lower bound of the throughput of a load. `None` for attempts without a load.
    pub throughput_at_least: Option<Rate>,
    /// The namespace that has the destination address, if netmon itself receives the load there (`tcp`).
    pub sink: Option<NsName>,
    /// Links that the packets must cross, each of them.
    pub crosses: Vec<LinkName>,
    /// Links that the packets must not cross.
    pub avoids: Vec<LinkName>,
}

impl Expectation {
    /// Returns the links that it names.
    pub fn links(&self) -> impl Iterator<Item = &LinkName> {
        self.crosses.iter().chain(&self.avoids)
    }
}
