//! Expectations of a lab: what is attempted, and what the outcome must be.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use crate::{
    impairment::Rate,
    names::{LinkName, NsName},
};

/// Something that has to be so while the lab is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What reports call it.
    pub name: String,
    /// Where it is tried: `root`, or one of the lab's namespaces.
    pub from: NsName,
    /// What is tried.
    pub traffic: Traffic,
    /// How often.
    pub count: u32,
    /// Whether it is to succeed, or to fail each time.
    pub reachable: bool,
    /// The status that an HTTP request is answered with; none for any from 200 to 399.
    pub status: Option<u16>,
    /// How many attempts in a million may fail.
    pub lost_at_most_ppm: u32,
    /// A bound on the median.
    pub p50_below: Option<Duration>,
    /// A bound on the 99th percentile.
    pub p99_below: Option<Duration>,
    /// A bound on the mean one-way latency of the links that are crossed.
    pub link_latency_below: Option<Duration>,
    /// What a load has to get through with at least; none for attempts without a load.
    pub throughput_at_least: Option<Rate>,
    /// The namespace that has the address, where netmon receives a load of `tcp` itself.
    pub sink: Option<NsName>,
    /// Links on each of which the packets have to be seen.
    pub crosses: Vec<LinkName>,
    /// Links on none of which they may be seen.
    pub avoids: Vec<LinkName>,
}

impl Expectation {
    /// The links that it speaks of.
    pub fn links(&self) -> impl Iterator<Item = &LinkName> {
        self.crosses.iter().chain(&self.avoids)
    }
}
