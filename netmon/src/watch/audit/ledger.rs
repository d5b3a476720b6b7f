//! The accounts of one hook: what passed it, what the kernel counted, and what explains the difference.
//!
//! Pure: readings come in, an [`Audit`] comes out, in whole packets since the hook is watched. A reading may be
//! a few packets ahead on one side; since everything is kept as sums, the next one puts that right.
//!
//! Where the kernel cuts or merges super-packets on the other side of the hook, the two count different things.
//! How many more segments there were than packets is known; how many of these were in super-packets that were
//! cut is known only within bounds, and the bounds are as tight as the offloads allow: see [`Spread`].

use std::time::SystemTime;

use netmon_kernel::netlink::offload::Whole;
use netmon_model::{audit::Cause, snapshot::Audit};
use serde::{Deserialize, Serialize};

use super::{
    cause::Explained,
    witness::{Qdisc, Sent},
};
use crate::datapath::Passed;

/// How many more segments than packets passed between two readings.
fn more_segments(now: Passed, earlier: Passed) -> i64 {
    let more = |of: Passed| of.segments.cast_signed() - of.packets.cast_signed();
    (more(now) - more(earlier)).max(0)
}

/// How many packets the kernel counted more than the hook, because it counted segments: between what must be and
/// what may be.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spread {
    least: i64,
    most: i64,
}

impl Spread {
    /// As much of `surplus` as can be explained this way.
    fn explains(self, surplus: i64) -> i64 {
        surplus.clamp(self.least, self.most)
    }
}

/// The accounts of an egress hook.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct EgressLedger {
    last: Option<Entry>,
    cut: Spread,
    qdisc_drops: i64,
    explained: Explained,
    difference: i64,
}

/// What one reading found.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    passed: Passed,
    tc_drops: u64,
    sent: Sent,
}

impl EgressLedger {
    /// Enters a reading: what passed the hook, what programs behind it dropped, and what the kernel says.
    /// `whole` are the super-packets that left whole since the reading before; none when that changed meanwhile.
    /// `gap` says whether the hook was not watched for a while since then.
    pub(super) fn enter(
        &mut self,
        passed: Passed,
        tc_drops: u64,
        sent: &Sent,
        whole: Option<Whole>,
        gap: bool,
    ) {
        let now = Entry { passed, tc_drops, sent: sent.clone() };
        let last = self.last.replace(now.clone());
        self.count_drops(last.as_ref().map(|last| &last.sent.qdisc), &sent.qdisc);
        self.widen(last.as_ref(), &now, whole);
        self.explained.set(Cause::TcEgress, tc_drops.cast_signed());
        self.explained.set(Cause::QdiscDrops, self.qdisc_drops);
        self.explained.set(Cause::Queued, i64::from(sent.qdisc.queued));
        self.explained.set(Cause::TxDropped, sent.dropped.cast_signed());
        let counted = passed.packets.cast_signed() - sent.packets.cast_signed();
        self.explained.set(Cause::Segmented, 0);
        let surplus = self.explained.sum() - counted;
        self.explained.set(Cause::Segmented, -self.cut.explains(surplus));
        let before = self.difference;
        self.difference = counted - self.explained.sum();
        match last {
            None => self.begin(),
            Some(last) => {
                let grown = self.difference - before;
                let cause = if grown > 0 && may_have_been_emptied(&last.sent, sent) {
                    Cause::QueueEmptied
                } else if grown < 0 && gap {
                    Cause::Unwatched
                } else {
                    return;
                };
                self.explained.add(cause, grown);
                self.difference = before;
            }
        }
    }

    /// Drops of a qdisc that took another's place count from zero.
    fn count_drops(&mut self, last: Option<&Qdisc>, now: &Qdisc) {
        let before = last.filter(|last| last.is(now)).map_or(0, |last| last.drops);
        self.qdisc_drops += i64::from(now.drops.wrapping_sub(before));
    }

    fn widen(&mut self, last: Option<&Entry>, now: &Entry, whole: Option<Whole>) {
        let more = more_segments(now.passed, last.map_or(Passed::default(), |last| last.passed));
        if whole != Some(Whole::All) || now.sent.qdisc.may_cut() {
            self.cut.most += more;
        }
        // A super-packet that was dropped was perhaps not cut before.
        let nothing_dropped = last.is_some_and(|last| {
            last.tc_drops == now.tc_drops
                && last.sent.dropped == now.sent.dropped
                && last.sent.qdisc == now.sent.qdisc
        });
        if whole == Some(Whole::None) && nothing_dropped {
            self.cut.least += more;
        }
    }

    /// What the kernel had counted when the hook was not watched yet.
    fn begin(&mut self) {
        let before = self.difference.min(0);
        self.explained.set(Cause::BeforeAttach, before);
        self.difference -= before;
    }

    /// The accounts as they stand.
    pub(super) fn audit(&self, at: SystemTime) -> Option<Audit> {
        let last = self.last.as_ref()?;
        Some(Audit {
            taken_at: at,
            hook_packets: last.passed.packets,
            kernel_packets: last.sent.packets,
            explained: self.explained.list(),
            difference: self.difference,
        })
    }
}

/// Whether packets that waited may have been thrown away without being counted in between.
fn may_have_been_emptied(last: &Sent, now: &Sent) -> bool {
    let queues = last.qdisc.queues() || now.qdisc.queues();
    queues && (!last.qdisc.is(&now.qdisc) || last.carrier_changes != now.carrier_changes)
}

/// The accounts of an ingress hook. The kernel's figure for a veth end is what its peer handed over: it tells
/// whether all of that reached the hook, and nothing of what became of it behind the hook.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IngressLedger {
    last: Option<(Passed, u64)>,
    merged: Spread,
    explained: Explained,
    difference: i64,
}

impl IngressLedger {
    /// Enters a reading: what passed the hook, and what the kernel says was received. `merges` says whether
    /// packets were merged since the reading before; none when that changed meanwhile. `gap` is as for egress.
    pub(super) fn enter(&mut self, passed: Passed, received: u64, merges: Option<bool>, gap: bool) {
        let last = self.last.replace((passed, received));
        if merges != Some(false) {
            self.merged.most += more_segments(passed, last.map_or(Passed::default(), |last| last.0));
        }
        let counted = passed.packets.cast_signed() - received.cast_signed();
        self.explained.set(Cause::Merged, 0);
        let surplus = self.explained.sum() - counted;
        self.explained.set(Cause::Merged, -self.merged.explains(surplus));
        let before = self.difference;
        self.difference = counted - self.explained.sum();
        let (cause, known) = match last {
            None => (Cause::BeforeAttach, 0),
            Some(_) if gap => (Cause::Unwatched, before),
            Some(_) => return,
        };
        let more = (self.difference - known).min(0);
        self.explained.add(cause, more);
        self.difference -= more;
    }

    /// The accounts as they stand.
    pub(super) fn audit(&self, at: SystemTime) -> Option<Audit> {
        let (passed, received) = self.last?;
        Some(Audit {
            taken_at: at,
            hook_packets: passed.packets,
            kernel_packets: received,
            explained: self.explained.list(),
            difference: self.difference,
        })
    }
}

#[cfg(test)]
mod tests;
