//! What of an impairment is there at an interface, read from the kernel: netmon's qdiscs by their handles, its filter
//! by its name. What is somebody else's and in the way is told, too.

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

/// The qdisc that holds nothing, which veth ends are made with.
const NO_QUEUE: &str = "noqueue";
/// Where clsact and the older ingress hang (`TC_H_CLSACT`, `TC_H_INGRESS`).
const HOOKS: u32 = 0xffff_fff1;

/// What is there at one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledImpairment {
    /// The queue at the root that is ours.
    pub queue: Option<Queue>,
    /// The kind of one that is not.
    pub foreign_queue: Option<String>,
    /// Our filter that drops.
    pub loss: Option<LossFilter>,
    /// Whether there is a clsact qdisc.
    pub has_clsact: bool,
    /// Filters on it that are not our filter that drops, on either hook.
    pub other_filters: usize,
    /// What has the place of our filter, or of its clsact.
    pub in_the_way_of_loss: Option<String>,
}

impl InstalledImpairment {
    /// As it would be declared.
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

    /// Whether it is what `wanted` comes to on a link of this MTU.
    #[must_use]
    pub fn is(&self, wanted: &Impairment, mtu: u32) -> bool {
        let loss = self.loss.map_or(0, |loss| loss.ppm);
        loss == wanted.loss.map_or(0, Loss::ppm) && is_like(self.queue, Queue::of(wanted, mtu))
    }
}

/// Whether packets fare alike in both.
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

/// Reads what is there at some interfaces of a namespace. Filters are asked for only where there is a clsact.
pub(super) fn read(
    netlink: &mut Netlink,
    interfaces: &BTreeSet<IfIndex>,
) -> Result<BTreeMap<IfIndex, InstalledImpairment>, TopologyError> {
    let mut found: BTreeMap<IfIndex, InstalledImpairment> = BTreeMap::new();
    if interfaces.is_empty() {
        return Ok(found);
    }
    for qdisc in netlink.qdiscs()?.iter().filter(|qdisc| interfaces.contains(&qdisc.interface)) {
        take(qdisc, found.entry(qdisc.interface).or_default());
    }
    for (index, imposed) in found.iter_mut().filter(|(_, imposed)| imposed.has_clsact) {
        for direction in Direction::BOTH {
            for filter in netlink.hook_filters(*index, direction)? {
                match LossFilter::of(&filter).filter(|_| direction == Direction::Egress) {
                    Some(loss) => imposed.loss = Some(loss),
                    None => {
                        imposed.other_filters += 1;
                        if direction == Direction::Egress && filter.priority == loss_filter::PRIORITY {
                            let name = filter.name.unwrap_or(filter.kind);
                            imposed.in_the_way_of_loss = Some(format!("the egress filter {name}"));
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

fn take(qdisc: &Qdisc, imposed: &mut InstalledImpairment) {
    let mut queue = imposed.queue.unwrap_or(Queue { netem: None, bucket: None });
    if Position::Root.is_of(qdisc) || Position::Below.is_of(qdisc) {
        queue.netem = queue.netem.or(qdisc.netem());
        queue.bucket = queue.bucket.or(qdisc.token_bucket());
        imposed.queue = Some(queue);
    } else if qdisc.parent == qdisc::ROOT && qdisc.handle != 0 && qdisc.kind != NO_QUEUE {
        // One without a handle is the kernel's own default, and makes room.
        imposed.foreign_queue = Some(qdisc.kind.clone());
    } else if qdisc.parent == HOOKS && qdisc.kind == clsact::KIND {
        imposed.has_clsact = true;
    } else if qdisc.parent == HOOKS {
        imposed.in_the_way_of_loss = Some(format!("the qdisc {}", qdisc.kind));
    }
}
