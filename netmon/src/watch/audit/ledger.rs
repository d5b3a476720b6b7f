//! The ledger of one hook: the packets that passed it, those that the kernel counted, and the causes of the difference.
//!
//! A ledger is pure: readings go in, an [`Audit`] comes out, in whole packets since the hook has been watched. A reading
//! may be a few packets ahead on one side. Ledgers keep sums, so the next reading corrects that.
//!
//! If the kernel segments or merges super-packets on the other side of the hook, the two count different units. netmon
//! knows the surplus of segments over packets, but knows only within bounds how many of them were in segmented
//! super-packets. The bounds are as tight as the offloads allow: see [`Spread`].

use std::time::SystemTime;

use netmon_kernel::netlink::offload::Whole;
use netmon_model::{audit::Cause, snapshot::Audit};
use serde::{Deserialize, Serialize};

use super::{
    cause::Explained,
    witness::{Qdisc, Received, Sent},
};
use crate::datapath::Passed;

/// The surplus of segments over packets between two readings.
fn more_segments(now: Passed, earlier: Passed) -> i64 {
    let more = |of: Passed| of.segments.cast_signed() - of.packets.cast_signed();
    (more(now) - more(earlier)).max(0)
}

/// The bounds of how many more packets than the hook the kernel counted, because it counted segments.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spread {
    least: i64,
    most: i64,
}

/// More packets than a hook counts in a century. Sums of a few such numbers do not overflow.
const MOST: i64 = 1 << 53;

/// Returns whether these can be counts of a ledger. A stored ledger may be damaged.
fn are_counts<const N: usize>(counts: [u64; N]) -> bool {
    counts.into_iter().all(|count| count <= MOST.unsigned_abs())
}

/// As [`are_counts`], for differences of counts.
pub(super) fn are_differences(differences: impl IntoIterator<Item = i64>) -> bool {
    differences.into_iter().all(|difference| difference.unsigned_abs() <= MOST.unsigned_abs())
}

impl Spread {
    fn is_valid(self) -> bool {
        self.least <= self.most && are_differences([self.least, self.most])
    }

    /// Returns as much of `surplus` as segmentation can explain.
    fn explains(self, surplus: i64) -> i64 {
        surplus.clamp(self.least, self.most)
    }
}

/// The ledger of an egress hook.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct EgressLedger {
    last: Option<Entry>,
    cut: Spread,
    qdisc_drops: i64,
    /// Packets that programs dropped before they came to the hook.
    #[serde(default)]
    dropped_before: i64,
    /// Those that the previous reading added. It may have been a few packets ahead.
    #[serde(default)]
    just_dropped_before: i64,
    explained: Explained,
    difference: i64,
}

/// The values of one reading.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    passed: Passed,
    tc_drops: u64,
    sent: Sent,
}

impl EgressLedger {
    /// Returns whether readings can be entered in a ledger that was stored.
    pub(super) fn is_valid(&self) -> bool {
        let Self { dropped_before, just_dropped_before, qdisc_drops, difference, .. } = *self;
        let is_read = |Entry { passed, tc_drops, sent }: &Entry| {
            are_counts([passed.packets, passed.segments, *tc_drops, sent.packets, sent.dropped])
        };
        self.cut.is_valid()
            && just_dropped_before >= 0
            && are_differences([dropped_before, just_dropped_before, qdisc_drops, difference])
            && self.explained.is_valid()
            && self.last.as_ref().is_none_or(is_read)
    }

    /// Enters a reading: the packets that passed the hook, those that programs before or behind it dropped, and the kernel's
    /// counts.
    /// `whole` says which super-packets left unsegmented since the previous reading; `None` if that changed meanwhile.
    /// `gap` says whether the hook was unwatched at some time since then.
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
        self.explained.set(Cause::TcEgress, tc_drops.cast_signed() - self.dropped_before);
        self.explained.set(Cause::QdiscDrops, self.qdisc_drops);
        self.explained.set(Cause::Queued, i64::from(sent.qdisc.queued));
        self.explained.set(Cause::TxDropped, sent.dropped.cast_signed());
        let counted = passed.packets.cast_signed() - sent.packets.cast_signed();
        self.explained.set(Cause::Segmented, 0);
        let surplus = self.explained.sum() - counted;
        self.explained.set(Cause::Segmented, -self.cut.explains(surplus));
        let before = self.difference;
        self.difference = counted - self.explained.sum();
        self.difference += self.drops_before_hook(last.as_ref(), tc_drops, before);
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

    /// Returns how many of the latest drops by programs explain nothing, because another program dropped these packets before
    /// they came to the hook. netmon's count then lacks just as many.
    fn drops_before_hook(&mut self, last: Option<&Entry>, tc_drops: u64, difference: i64) -> i64 {
        let Some(last) = last else { return 0 };
        let more = tc_drops.saturating_sub(last.tc_drops).cast_signed();
        let before = (difference - self.difference).clamp(-self.just_dropped_before, more);
        self.just_dropped_before = before.max(0);
        self.dropped_before += before;
        self.explained.add(Cause::TcEgress, -before);
        before
    }

    /// The drop counter of a qdisc that replaced another one starts from zero.
    fn count_drops(&mut self, last: Option<&Qdisc>, now: &Qdisc) {
        let before = last.filter(|last| last.is(now)).map_or(0, |last| last.drops);
        self.qdisc_drops += i64::from(now.drops.wrapping_sub(before));
    }

    fn widen(&mut self, last: Option<&Entry>, now: &Entry, whole: Option<Whole>) {
        let more = more_segments(now.passed, last.map_or(Passed::default(), |last| last.passed));
        if whole != Some(Whole::All) || now.sent.qdisc.may_cut() {
            self.cut.most += more;
        }
        // A dropped super-packet may have been dropped before segmentation.
        let nothing_dropped = last.is_some_and(|last| {
            last.tc_drops == now.tc_drops
                && last.sent.dropped == now.sent.dropped
                && last.sent.qdisc == now.sent.qdisc
        });
        if whole == Some(Whole::None) && nothing_dropped {
            self.cut.least += more;
        }
    }

    /// What the kernel had counted before the hook was watched.
    fn begin(&mut self) {
        let before = self.difference.min(0);
        self.explained.set(Cause::BeforeAttach, before);
        self.difference -= before;
    }

    /// Returns the current audit.
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

/// Returns whether queued packets may have been discarded uncounted between two readings.
fn may_have_been_emptied(last: &Sent, now: &Sent) -> bool {
    let queues = last.qdisc.queues() || now.qdisc.queues();
    queues && (!last.qdisc.is(&now.qdisc) || last.carrier_changes != now.carrier_changes)
}

/// The ledger of an ingress hook. The kernel's count of a veth end is that of the packets that its peer transmitted: it
/// shows whether all of them reached the hook, and nothing about packets behind the hook.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IngressLedger {
    last: Option<Arrived>,
    merged: Spread,
    /// Packets that the previous reading explained by programs that dropped them. It may have been a few packets ahead.
    just_dropped_before: i64,
    explained: Explained,
    difference: i64,
}

/// The values of one reading.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Arrived {
    passed: Passed,
    tc_drops: u64,
    received: Received,
}

impl IngressLedger {
    /// Returns whether readings can be entered in a ledger that was stored.
    pub(super) fn is_valid(&self) -> bool {
        let is_read = |Arrived { passed, tc_drops, received }: Arrived| {
            are_counts([passed.packets, passed.segments, tc_drops, received.packets])
        };
        self.merged.is_valid()
            && self.just_dropped_before >= 0
            && are_differences([self.just_dropped_before, self.difference])
            && self.explained.is_valid()
            && self.last.is_none_or(is_read)
    }

    /// Enters a reading: the packets that passed the hook, those that programs before or behind it dropped, and those that the
    /// kernel received. `merges` says whether packets were merged since the previous reading; `None` if that changed
    /// meanwhile. `gap` is as for egress.
    pub(super) fn enter(
        &mut self,
        passed: Passed,
        tc_drops: u64,
        received: Received,
        merges: Option<bool>,
        gap: bool,
    ) {
        let now = Arrived { passed, tc_drops, received };
        let last = self.last.replace(now);
        if merges != Some(false) {
            self.merged.most += more_segments(passed, last.map_or(Passed::default(), |last| last.passed));
        }
        let counted = passed.packets.cast_signed() - received.packets.cast_signed();
        self.explained.set(Cause::Merged, 0);
        let surplus = self.explained.sum() - counted;
        self.explained.set(Cause::Merged, -self.merged.explains(surplus));
        let before = self.difference;
        self.difference = counted - self.explained.sum();
        match last {
            None => self.explain(Cause::BeforeAttach, self.difference.min(0)),
            Some(_) if gap => self.explain(Cause::Unwatched, (self.difference - before).min(0)),
            Some(last) => self.taken_before_hook(&last, &now, before),
        }
    }

    fn explain(&mut self, cause: Cause, packets: i64) {
        self.explained.add(cause, packets);
        self.difference -= packets;
    }

    /// Explains packets that programs took before they came to the hook. `before` is the previous difference.
    fn taken_before_hook(&mut self, last: &Arrived, now: &Arrived, before: i64) {
        let more = now.tc_drops.saturating_sub(last.tc_drops).cast_signed();
        let dropped = (before - self.difference).clamp(-self.just_dropped_before, more);
        self.just_dropped_before = dropped.max(0);
        self.explain(Cause::TcIngress, -dropped);
        if last.received.xdp || now.received.xdp {
            // An earlier reading may have been a few packets ahead: what arrived after all was not taken.
            let grown = (self.difference - before).min(-self.explained.get(Cause::Xdp));
            self.explain(Cause::Xdp, grown);
        }
    }

    /// Returns the current audit.
    pub(super) fn audit(&self, at: SystemTime) -> Option<Audit> {
        let last = self.last?;
        Some(Audit {
            taken_at: at,
            hook_packets: last.passed.packets,
            kernel_packets: last.received.packets,
            explained: self.explained.list(),
            difference: self.difference,
        })
    }
}

#[cfg(test)]
mod tests;
