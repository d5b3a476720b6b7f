//! The kernel's own counters of the interfaces of a namespace and of their root qdiscs.

use std::collections::HashMap;

use netmon_kernel::netlink::{Netlink, NetlinkError, link::Interface, qdisc};
use netmon_model::names::IfIndex;
use serde::{Deserialize, Serialize};

/// The root qdisc of a new veth end, which queues nothing.
const NO_QUEUE: &str = "noqueue";
/// Root qdiscs that never segment a super-packet. Others may, as TBF does with one that is larger than its burst, and
/// their classes may have any qdisc.
const WHOLE: [&str; 6] = [NO_QUEUE, "pfifo_fast", "pfifo", "bfifo", "fq", "fq_codel"];

/// The kernel's counters of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// The current name of the interface.
    pub(super) name: String,
    pub(super) received: Received,
    pub(super) sent: Sent,
}

/// Packets before the ingress hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Received {
    /// Packets received; of a veth end, those that its peer transmitted.
    pub(super) packets: u64,
    /// Whether an XDP program is attached.
    pub(super) xdp: bool,
}

/// Packets behind the egress hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    /// Packets sent.
    pub(super) packets: u64,
    /// Packets that the interface dropped.
    pub(super) dropped: u64,
    pub(super) qdisc: Qdisc,
    /// Number of carrier changes: losing the carrier empties the root qdisc.
    pub(super) carrier_changes: u32,
}

/// The root qdisc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Qdisc {
    pub(super) kind: String,
    pub(super) handle: u32,
    /// Packets that it dropped. The counter wraps.
    pub(super) drops: u32,
    /// Packets in the queue.
    pub(super) queued: u32,
}

impl Qdisc {
    /// Returns whether `self` and `other` are the same qdisc, and not one that replaced the other.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.kind, self.handle) == (&other.kind, other.handle)
    }

    /// Returns whether it can queue packets.
    pub(super) fn queues(&self) -> bool {
        !self.kind.is_empty() && self.kind != NO_QUEUE
    }

    /// Returns whether it may segment super-packets.
    pub(super) fn may_cut(&self) -> bool {
        self.queues() && !WHOLE.contains(&self.kind.as_str())
    }
}

/// Reads all interfaces of a namespace.
pub(super) fn read(netlink: &mut Netlink) -> Result<HashMap<IfIndex, Witness>, NetlinkError> {
    let interfaces = netlink.interfaces_with_stats()?;
    let queues = |interface: &Interface| interface.qdisc.as_deref().is_some_and(|kind| kind != NO_QUEUE);
    // netmon does not watch lo, which has no queue either.
    let mut roots = if interfaces.iter().any(queues) { roots(netlink)? } else { HashMap::new() };
    let witnesses = interfaces.into_iter().filter_map(|interface| {
        let index = IfIndex(interface.index);
        let root = roots.remove(&index).unwrap_or_default();
        Some((index, witness(interface, root)?))
    });
    Ok(witnesses.collect())
}

fn roots(netlink: &mut Netlink) -> Result<HashMap<IfIndex, Qdisc>, NetlinkError> {
    let roots = netlink.qdiscs()?.into_iter().filter(|one| one.parent == qdisc::ROOT).map(|one| {
        let root = Qdisc { kind: one.kind, handle: one.handle, drops: one.drops, queued: one.queued };
        (one.interface, root)
    });
    Ok(roots.collect())
}

fn witness(interface: Interface, mut qdisc: Qdisc) -> Option<Witness> {
    let stats = interface.stats?;
    if qdisc.kind.is_empty() || qdisc.kind == NO_QUEUE {
        qdisc.kind = interface.qdisc.unwrap_or_default();
    }
    // The qdisc of an interface that is down; it has no counters, and the interface counts its drops.
    if qdisc.kind == "noop" {
        NO_QUEUE.clone_into(&mut qdisc.kind);
    }
    Some(Witness {
        name: interface.name,
        received: Received { packets: stats.rx_packets, xdp: interface.xdp },
        sent: Sent {
            packets: stats.tx_packets,
            dropped: stats.tx_dropped,
            qdisc,
            carrier_changes: interface.carrier_changes,
        },
    })
}
