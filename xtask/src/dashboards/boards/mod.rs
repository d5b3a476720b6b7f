//! The dashboards: one file each, a table of panels.

mod agent;
mod link;
mod namespace;
mod overview;
mod probes;

use super::panel::{Board, Drill};

/// The labels of a direction of a link.
const DIRECTION: &str = "instance, link, from, from_interface, to, to_interface";
/// The labels of an end of a link.
const END: &str = "instance, link, netns, interface";
/// A direction in a legend.
const ARROW: &str = "{{from}}:{{from_interface}} → {{to}}:{{to_interface}}";
/// An end of a link in a legend.
const AT: &str = "{{netns}}:{{interface}}";
/// The packets that leave a namespace.
const LEAVING: &str = "direction=\"egress\"";

/// What is part of each one-way latency.
const ONE_WAY: &str = "From the egress hook at one end to the ingress hook at the other, so including the queue (qdisc) \
                       of the sending interface and a declared delay, and without the sending and the receiving program. \
                       One host, one clock.";

/// Leads to a link.
const TO_LINK: Drill =
    Drill { title: "This link", uid: link::UID, variables: &[("instance", "instance"), ("link", "link")] };

/// Returns every dashboard.
pub(super) fn all() -> Vec<Board> {
    vec![overview::board(), link::board(), namespace::board(), probes::board(), agent::board()]
}
