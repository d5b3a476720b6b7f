//! Reading everything: every endpoint's maps, both directions of every link.

use aya::maps::{MapError, PerCpuValues};
use netmon_ebpf::{
    abi::{EGRESS, INGRESS, PARSE_STOPS, ParseStop},
    endpoint::{Counters, RoundTrips as AbiRoundTrips},
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_TIMEOUT_NS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
};

use super::{
    Datapath, DatapathError,
    clock::monotonic_ns,
    closed_epochs::ClosedEpochs,
    object::Object,
    sums,
    watched::{WatchedEnd, WatchedLink},
};
use crate::{
    cost::Cost,
    histogram::Histogram,
    names::EndpointId,
    snapshot::{DirectionSnapshot, EndpointSnapshot, Features, FlowTable, LinkSnapshot},
};

/// An echo request may be answered for five seconds: an epoch of requests is complete when the last of them
/// is that old.
const ANSWER_SETTLE_EPOCHS: u64 = 1 + ANSWER_TIMEOUT_NS.div_ceil(1 << ANSWER_EPOCH_SHIFT);

/// What the maps held, at one time.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When the reading began, monotonic nanoseconds.
    pub monotonic_ns: u64,
    /// What is measured on this kernel.
    pub features: Features,
    /// Every link; `up` of an end says whether a program is attached to it.
    pub links: Vec<LinkSnapshot>,
    /// Early exits by reason.
    pub parse_exits: Vec<(&'static str, u64)>,
    /// State of the flow table.
    pub flows: FlowTable,
    /// Failures of netmon itself so far, by kind.
    pub failures: Vec<(&'static str, u64)>,
    /// What measuring costs.
    pub cost: Cost,
}

/// The values of one endpoint, and when they were read.
pub(super) struct EndValues {
    pub(super) counters: PerCpuValues<Counters>,
    round_trips: PerCpuValues<AbiRoundTrips>,
}

impl Datapath {
    /// Reads everything now.
    ///
    /// # Errors
    ///
    /// When the kernel does not give a map's value.
    pub fn read(&mut self) -> Result<Reading, DatapathError> {
        let began = monotonic_ns();
        let mut links = Vec::with_capacity(self.links.len());
        for link in &mut self.links {
            links.push(read_link(&self.object, self.features, link)?);
            // Whoever goes on after us must not tell less than we are about to.
            if let Some(persistence) = &mut self.persistence {
                persistence.keep(link)?;
            }
        }
        if let Some(drops) = &self.object.drops {
            let mut drops = drops.read()?;
            for end in links.iter_mut().flat_map(|link| [&mut link.a, &mut link.b]) {
                end.drops = Some(drops.remove(&end.id).unwrap_or_default());
            }
        }
        let flows = self.object.flow_tables.state()?;
        Ok(Reading {
            monotonic_ns: began,
            features: self.features,
            links,
            parse_exits: self.object.read_exits()?,
            failures: self.failures()?,
            cost: self.cost(&flows)?,
            flows,
        })
    }
}

impl Object {
    pub(super) fn read_end(&self, id: EndpointId) -> Result<EndValues, DatapathError> {
        let counters =
            self.counters.get(id).map_err(|source| DatapathError::Map { name: "COUNTERS", source })?;
        let round_trips =
            self.round_trips.get(id).map_err(|source| DatapathError::Map { name: "ROUND_TRIPS", source })?;
        Ok(EndValues { counters, round_trips })
    }

    fn read_exits(&self) -> Result<Vec<(&'static str, u64)>, DatapathError> {
        let read =
            |index: usize| -> Result<u64, MapError> { Ok(self.exits.get(&(index as u32), 0)?.iter().sum()) };
        (0..PARSE_STOPS)
            .map(|index| Ok((ParseStop::ALL[index].label(), read(index)?)))
            .collect::<Result<_, _>>()
            .map_err(|source| DatapathError::Map { name: "EXITS_BY_REASON", source })
    }
}

fn read_link(
    object: &Object,
    features: Features,
    link: &mut WatchedLink,
) -> Result<LinkSnapshot, DatapathError> {
    let before_ns = monotonic_ns();
    let a = object.read_end(link.a.id)?;
    let b = object.read_end(link.b.id)?;
    let read = (before_ns, monotonic_ns());
    let a_to_b = direction(read, &link.a, &a, &b, &mut link.a_to_b);
    let b_to_a = direction(read, &link.b, &b, &a, &mut link.b_to_a);
    let unmeasured = |end: &WatchedEnd, measured: DirectionSnapshot| {
        if features.packet_stamp && end.stamps { measured } else { DirectionSnapshot::default() }
    };
    Ok(LinkSnapshot {
        name: link.name.clone(),
        a_to_b: unmeasured(&link.a, a_to_b),
        b_to_a: unmeasured(&link.b, b_to_a),
        a: endpoint(read, &mut link.a, &a),
        b: endpoint(read, &mut link.b, &b),
    })
}

/// What is known of the packets from one end to the other: `read` says between which times.
fn direction(
    read: (u64, u64),
    from_end: &WatchedEnd,
    from: &EndValues,
    to: &EndValues,
    loss: &mut ClosedEpochs<LOSS_EPOCHS>,
) -> DirectionSnapshot {
    let latency = sums::histogram(&to.counters, |value| &value.latency);
    if from_end.stamps {
        let sent = sums::epochs(&from.counters, EGRESS);
        let received = sums::epochs(&to.counters, INGRESS);
        loss.update(read, settle_epochs(&latency, from_end.held_ns), &sent, &received);
    }
    DirectionSnapshot { latency: Some(latency), lost_segments: Some(loss.total()), imposed: None }
}

/// How many epochs a packet may still be under way: two, and as many as the longest way took so far. A
/// queue that grows is seen to grow before it is longer than this. A delay that is imposed does not grow, and is known.
fn settle_epochs(latency: &Histogram, held_ns: u64) -> u64 {
    // Longer than the histogram goes is as long as can be waited for.
    let beyond = if latency.count == 0 { 0 } else { u64::MAX };
    let longest_ns = latency.max_bound_ns().unwrap_or(beyond);
    (2 + (longest_ns.max(held_ns) >> LOSS_EPOCH_SHIFT)).min(LOSS_EPOCHS as u64 / 2)
}

fn endpoint(read: (u64, u64), end: &mut WatchedEnd, values: &EndValues) -> EndpointSnapshot {
    let [requests, answered] = sums::echoes(&values.counters);
    end.unanswered.update(read, ANSWER_SETTLE_EPOCHS, &requests, &answered);
    let mode = end.attached.as_ref().map(super::attach::Attached::mode);
    EndpointSnapshot {
        id: end.id,
        namespace: end.endpoint.namespace.clone(),
        interface: end.endpoint.interface.clone(),
        ifindex: end.endpoint.ifindex,
        addresses: end.endpoint.addresses.clone(),
        up: end.attached.is_some(),
        disturbances: Vec::new(),
        ingress: sums::hook(&values.counters, INGRESS, mode),
        egress: sums::hook(&values.counters, EGRESS, mode),
        drops: None,
        unstamped_packets: values.counters.iter().map(|value| value.unstamped).sum(),
        round_trips: sums::round_trips(&values.counters, &values.round_trips, end.unanswered.total()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::histogram_of;

    #[test]
    fn an_epoch_is_settled_when_the_longest_way_seen_has_passed_since() {
        assert_eq!(settle_epochs(&Histogram::default(), 0), 2);
        assert_eq!(settle_epochs(&histogram_of([1_000_000]), 0), 2);
        assert_eq!(settle_epochs(&histogram_of([1_000, 1_000_000_000]), 0), 2 + 8);
        assert_eq!(settle_epochs(&histogram_of([20_000_000_000]), 0), LOSS_EPOCHS as u64 / 2);
    }

    #[test]
    fn a_delay_that_is_imposed_is_awaited_before_the_first_packet_has_come() {
        assert_eq!(settle_epochs(&Histogram::default(), 1_000_000_000), 2 + 7);
        assert_eq!(settle_epochs(&histogram_of([3_000_000_000]), 1_000_000_000), 2 + 24);
    }
}
