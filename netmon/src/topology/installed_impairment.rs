//! Reads the impairment that is installed on an interface: netmon's qdiscs by their handles, its filter by its name.
//! Also reads which foreign qdiscs and filters are in the way of one.

use std::collections::{BTreeMap, BTreeSet};

use netmon_kernel::netlink::{
    Netlink, clsact,
    loss_filter::{self, LossFilter},
    qdisc::{self, Qdisc},
    queue::Position,
};
use netmon_model::{
    impairment::{Delay, Impairment, Loss, Queue, Rate},
    names::{Direction, IfIndex},
};

use super::error::TopologyError;

/// The qdisc without a queue, which new veth ends have.
const NO_QUEUE: &str = "noqueue";
/// The parent of clsact and of the older ingress qdisc (`TC_H_CLSACT`, `TC_H_INGRESS`).
const HOOKS: u32 = 0xffff_fff1;

/// What impairs the packets that leave one interface, or could be in the way of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledImpairment {
    /// netmon's queue at the root.
    pub queue: Option<Queue>,
    /// The kind of a foreign qdisc at the root.
    pub foreign_queue: Option<String>,
    /// netmon's filter that drops.
    pub loss: Option<LossFilter>,
    /// Whether there is a clsact qdisc.
    pub has_clsact: bool,
    /// Other filters on either hook of it, including those of netmon's measuring programs.
    pub other_filters: usize,
    /// What has the place of netmon's filter, or of its clsact.
    pub in_the_way_of_loss: Option<String>,
}

impl InstalledImpairment {
    /// Returns the impairment as a lab file would declare it.
    #[must_use]
    pub fn impairment(&self) -> Impairment {
        let netem = self.queue.and_then(|queue| queue.netem);
        let bucket = self.queue.and_then(|queue| queue.bucket);
        let impairment = Impairment {
            delay: netem.map(|netem| Delay::of_ns(netem.delay_ns)),
            jitter: netem.map(|netem| Delay::of_ns(netem.jitter_ns)),
            loss: self.loss.and_then(|loss| Loss::of_ppm(loss.ppm)),
            rate: bucket.map(|bucket| Rate::of_bytes(bucket.rate)),
        };
        impairment.without_zeros()
    }

    /// Returns whether this is what `wanted` installs on a link of this MTU.
    #[must_use]
    pub fn matches(&self, wanted: &Impairment, mtu: u32) -> bool {
        let loss = self.loss.map_or(0, |loss| loss.ppm);
        loss == wanted.loss.map_or(0, Loss::ppm) && is_like(self.queue, Queue::for_impairment(wanted, mtu))
    }

    fn add_qdisc(&mut self, qdisc: &Qdisc) {
        let mut queue = self.queue.unwrap_or(Queue { netem: None, bucket: None });
        if Position::Root.is_of(qdisc) || Position::Below.is_of(qdisc) {
            queue.netem = queue.netem.or(qdisc.netem());
            queue.bucket = queue.bucket.or(qdisc.token_bucket());
            self.queue = Some(queue);
        } else if qdisc.parent == qdisc::ROOT && qdisc.handle != 0 && qdisc.kind != NO_QUEUE {
            // A qdisc without a handle is the kernel's default, and is replaced.
            self.foreign_queue = Some(qdisc.kind.clone());
        } else if qdisc.parent == HOOKS && qdisc.kind == clsact::KIND {
            self.has_clsact = true;
        } else if qdisc.parent == HOOKS {
            self.in_the_way_of_loss = Some(format!("the qdisc {}", qdisc.kind));
        }
    }
}

/// Returns whether two queues treat packets alike.
pub(super) fn is_like(one: Option<Queue>, other: Option<Queue>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let buckets = match (one.bucket, other.bucket) {
                (Some(one), Some(other)) => one.is_like(other),
                (None, None) => true,
                _ => false,
            };
            buckets && one.netem == other.netem
        }
        (None, None) => true,
        _ => false,
    }
}

/// Reads the impairments of some interfaces of a namespace. Asks for filters only on interfaces with a clsact.
pub(super) fn read(
    netlink: &mut Netlink,
    interfaces: &BTreeSet<IfIndex>,
) -> Result<BTreeMap<IfIndex, InstalledImpairment>, TopologyError> {
    let mut all: BTreeMap<IfIndex, InstalledImpairment> = BTreeMap::new();
    if interfaces.is_empty() {
        return Ok(all);
    }
    for qdisc in netlink.qdiscs()?.iter().filter(|qdisc| interfaces.contains(&qdisc.interface)) {
        all.entry(qdisc.interface).or_default().add_qdisc(qdisc);
    }
    for (index, one) in all.iter_mut().filter(|(_, one)| one.has_clsact) {
        for direction in Direction::BOTH {
            for filter in netlink.hook_filters(*index, direction)? {
                match LossFilter::from_filter(&filter).filter(|_| direction == Direction::Egress) {
                    Some(loss) => one.loss = Some(loss),
                    None => {
                        one.other_filters += 1;
                        if direction == Direction::Egress && filter.priority == loss_filter::PRIORITY {
                            let name = filter.name.unwrap_or(filter.kind);
                            one.in_the_way_of_loss = Some(format!("the egress filter {name}"));
                        }
                    }
                }
            }
        }
    }
    Ok(all)
}
